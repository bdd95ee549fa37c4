"""Telling the open pages of a person that the list of chats has changed: soon, and once for all that changes meanwhile."""

from webapp import topic_names
from webapp.engine.engine import Engine
from webapp.streaming.events import Changed

# Whoever asks hears of the answer first: to draw the lists of many open pages takes longer than to begin one.
SOON_SECONDS = 0.15


def tell(engine: Engine, person: str, chat_id: str) -> None:
    topic = topic_names.of_person(person)
    if topic in engine.soon:
        return
    engine.soon.add(topic)

    def say() -> None:
        engine.pause(SOON_SECONDS)
        engine.soon.discard(topic)
        engine.topics.append(topic, Changed("chat", chat_id))

    engine.spawn(say)
