"""The messages of a stretch of a chat as they are retold: read in chunks, a line for each with its speaker."""

from collections.abc import Iterator, Sequence

from sqlalchemy import select

from webapp.base.db import db
from webapp.characters import queries as character_queries
from webapp.chat.files.reference import parted
from webapp.chat.group.members import person_name, with_speaker_names
from webapp.chat.record import paths, queries
from webapp.chat.record.tables import Chat, Message

AT_ONCE, CHARS_AT_ONCE = 100, 200_000


def read(chat: Chat, ids: Sequence[str]) -> Iterator[paths.PathMessage]:
    """Yields these messages, reading a chunk at a time; those that are gone are skipped."""
    columns = select(Message.id, Message.role, Message.content, Message.speaker_name, Message.is_hidden, Message.outside)
    columns = columns.add_columns(Message.is_kept)
    while ids:
        some = queries.first_within(db.session(), ids[:AT_ONCE], CHARS_AT_ONCE)
        rows = {row.id: paths.PathMessage(*row) for row in db.session.execute(columns.where(Message.id.in_(some)))}
        yield from with_speaker_names(chat, [rows[id] for id in some if id in rows])
        ids = ids[len(some) :]


def call_counts(ids: Sequence[str]) -> dict[str, int]:
    """Returns how many calls each of these messages has that has any."""
    chunks = (ids[at : at + AT_ONCE] for at in range(0, len(ids), AT_ONCE))
    counts = select(Message.id, Message.call_count).where(Message.call_count > 0)
    return {id: count for chunk in chunks for id, count in db.session.execute(counts.where(Message.id.in_(chunk)))}


def names(chat: Chat) -> dict[str, str]:
    """Returns the speakers' names by role; none in a group, where each message has its own."""
    if chat.is_group:
        return {}
    character = character_queries.character_of(db.session(), chat.owner_id, chat.character_id)
    return {"user": person_name(chat), "assistant": character.name} if character else {"user": "Person", "assistant": "Answer"}


def words(message: paths.PathMessage, names: dict[str, str]) -> tuple[str, str]:
    """Returns who has written a message, and what they said without its files; that is empty if no fold stands for it."""
    who = message.speaker or names.get(message.role, message.role)
    said = parted(message.content)[0] if message.role == "user" else message.content
    text = "" if message.is_hidden or message.is_kept else said.strip()
    return who, text.removeprefix(f"{who}:").lstrip()


def line(message: paths.PathMessage, names: dict[str, str]) -> str:
    who, text = words(message, names)
    return f"{who}: {text}" if text else ""
