"""Notifies a person's open pages that their list of chats has changed, batching changes that follow each other closely."""

from webapp.base import topic_names
from webapp.engine.engine import Engine
from webapp.streaming.events import Changed

# Drawing and sending the lists of many open pages takes longer than beginning an answer. The delay lets the answer reach its
# page first, and limits the lists to a few updates per second.
SOON_SECONDS = 0.3


def notify(engine: Engine, person: str, chat_id: str) -> None:
    """Schedules an update after a chat is created, deleted, moved or renamed, or an answer in it begins or ends."""
    topic = topic_names.of_person(person)
    if topic in engine.soon:
        return
    engine.soon.add(topic)

    def say() -> None:
        engine.pause(SOON_SECONDS)
        engine.soon.remove(topic)
        engine.topics.append(topic, Changed("chat", chat_id))

    engine.spawn(say)
