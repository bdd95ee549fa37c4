"""Telling the open pages of a person that the list of chats has changed: soon, and once for all that changes meanwhile."""

from webapp import topic_names
from webapp.engine.engine import Engine
from webapp.streaming.events import Changed

# Whoever asks hears of the answer first: to draw the lists of many open pages takes longer than to begin one. And to bring a
# list to all pages of somebody with many takes longer than to draw it, so that it is done a few times a second at most.
SOON_SECONDS = 0.3


def tell(engine: Engine, person: str, chat_id: str) -> None:
    """The chat is new, gone or in another place, or an answer in it begins or ends."""
    _tell_soon(engine, person, Changed("chat", chat_id))


def tell_title(engine: Engine, person: str, chat_id: str) -> None:
    """Nothing but its title is another one."""
    _tell_soon(engine, person, Changed("title", chat_id))


def _tell_soon(engine: Engine, person: str, changed: Changed) -> None:
    topic = topic_names.of_person(person)
    if topic in engine.soon:
        engine.soon[topic].append(changed)
        return
    engine.soon[topic] = [changed]

    def say() -> None:
        engine.pause(SOON_SECONDS)
        for each in _worth_telling(engine.soon.pop(topic)):
            engine.topics.append(topic, each)

    engine.spawn(say)


def _worth_telling(changed: list[Changed]) -> list[Changed]:
    """The whole list has all titles in it."""
    whole = [each for each in changed if each.what == "chat"]
    return whole[:1] or list(dict.fromkeys(changed))
