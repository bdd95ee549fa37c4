"""Telling the open pages of a person that the list of chats has changed: soon, and once for all that changes meanwhile."""

from webapp import topic_names
from webapp.engine.engine import Engine
from webapp.streaming.events import Changed

# Whoever asks hears of the answer first: to draw the lists of many open pages takes longer than to begin one. And to bring a
# list to all pages of somebody with many takes longer than to draw it, so that it is done a few times a second at most.
SOON_SECONDS = 0.3


def tell(engine: Engine, person: str, chat_id: str) -> None:
    """The chat is new, gone or in another place, has another title, or an answer in it begins or ends."""
    topic = topic_names.of_person(person)
    if topic in engine.soon:
        return
    engine.soon.add(topic)

    def say() -> None:
        engine.pause(SOON_SECONDS)
        engine.soon.remove(topic)
        engine.topics.append(topic, Changed("chat", chat_id))

    engine.spawn(say)
