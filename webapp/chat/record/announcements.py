"""Tells open pages that something in a chat has changed, and those with a list of chats, batching what follows closely."""

from collections.abc import Iterable

from webapp.base import changes, topic_names
from webapp.chat.record.sharing import readers
from webapp.chat.record.tables import Chat
from webapp.engine.engine import Engine, the_engine
from webapp.streaming.events import Changed

# Drawing and sending the lists of many open pages takes longer than beginning an answer. The delay lets the answer reach its
# page first, and limits the lists to a few updates per second.
SOON_SECONDS = 0.3
# What is shared with the whole team is drawn again on all open pages: with a thousand, every few seconds.
SECONDS_PER_READER = 0.003


def _update_lists(engine: Engine, person: str, chat_id: str) -> None:
    """Schedules an update after a chat is created, deleted, moved or renamed, or an answer in it begins or ends."""
    topic = topic_names.of_person(person)
    seconds = max(SOON_SECONDS, SECONDS_PER_READER * len(engine.readers) if person == topic_names.EVERYONE else 0)
    if topic in engine.logs.soon:
        return
    engine.logs.soon.add(topic)

    def say() -> None:
        engine.pause(seconds)
        engine.logs.soon.remove(topic)
        engine.logs.topics.append(topic, Changed("chat", chat_id))

    engine.spawn(say)


def announce(chat: Chat, what: str, id: str) -> None:
    """Notifies every open page that something in the chat has changed."""
    notify(chat.id, what, id, list_owners(chat.id, chat.owner_id))


def announce_settings(chat_id: str) -> None:
    """Notifies the chat's open pages that its settings have changed, which no list shows."""
    notify(chat_id, "settings", chat_id, ())


def list_owners(chat_id: str, owner_id: str | None, *, is_shared: bool = True) -> set[str]:
    """Returns the people whose lists contain the chat, `EVERYONE` if the team's do; none for a visitor's chat."""
    return {owner_id, *(readers(chat_id) if is_shared else ())} if owner_id else set()


def notify(chat_id: str, what: str, id: str, people: Iterable[str]) -> None:
    """Notifies every open page, if it is known whose lists contain the chat."""
    engine = the_engine()
    changes.notify(topic_names.of_chat(chat_id), what, id)
    for person in people:
        _update_lists(engine, person, chat_id)
