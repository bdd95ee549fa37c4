"""Deleted branches: which messages are deleted, which went with them, and erasing them permanently."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import CTE, ColumnElement, and_, case, false, func, select

from webapp.base.database.log_file import truncate_log
from webapp.base.db import db
from webapp.base.heavy import bounded
from webapp.chat import erasing
from webapp.chat.messages.titles import first_words
from webapp.chat.record import announcements, queries
from webapp.chat.record.tables import Chat, Message

WORDS_CHARS = 200


class Branch(NamedTuple):
    """A deleted message, and the number of messages below it that went with it."""

    id: str
    after: int


@dataclass(frozen=True, slots=True)
class DeletedBranch:
    """A deleted branch as the trash shows it."""

    id: str
    title: str
    role: str
    words: str
    deleted_at: datetime
    after: int


def restorable_below(messages: Sequence[Message], right: str) -> Branch | None:
    """Returns the branch that was deleted below the last message, if a requester with this right can restore it."""
    last = messages[-1] if messages and right == "own" else None
    if not last or not last.cut_id:
        return None
    counts = _count_below(Message.id == last.cut_id, Message.parent_id == last.id, Message.deleted_at.is_not(None))
    return next((Branch(*branch) for branch in counts.items()), None)


def count_below(message: Message) -> int:
    """Returns how many visible messages are below one."""
    return _count_below(Message.id == message.id)[message.id]


def ids_with_descendants(message: Message) -> list[str]:
    """Returns the ids of a message and of everything below it that is deleted with it."""
    below = _below(Message.id == message.id)
    return bounded.column(select(below.c.id))


def contains(message: Message, id: str) -> bool:
    """Checks whether `id` is the message itself or one that is restored with it."""
    below = _below(Message.id == message.id)
    return db.session.scalar(select(below.c.id).where(below.c.id == id, ~below.c.is_beyond)) is not None


def deleted_branches(owner_id: str, *, limit: int = 200) -> list[DeletedBranch]:
    """Returns the deleted branches in a person's chats, newest first; a branch within another is restored with that one."""
    query = select(Message.id, Chat.title, Message.role, func.substr(Message.content, 1, WORDS_CHARS))
    query = query.add_columns(Message.deleted_at).join(Chat, Chat.id == Message.chat_id).where(is_in_trash(owner_id))
    rows = db.session.execute(query.order_by(Message.deleted_at.desc(), Message.id).limit(limit)).all()
    counts = _count_below(Message.id.in_([row.id for row in rows])) if rows else {}
    return [
        DeletedBranch(id, title, role, first_words(words), at, counts[id]) for id, title, role, words, at in rows if id in counts
    ]


def count_deleted(owner_id: str) -> int:
    return db.session.scalar(select(func.count()).select_from(Message).where(is_in_trash(owner_id))) or 0


def is_in_trash(owner_id: str) -> ColumnElement[bool]:
    """Matches messages that were deleted from a chat of this person that is itself neither in the trash nor temporary."""
    chats = select(Chat.id).where(Chat.owner_id == owner_id, Chat.deleted_at.is_(None), queries.KEPT)
    return and_(Message.chat_id.in_(chats), Message.deleted_at.is_not(None))


def erase(condition: ColumnElement[bool]) -> None:
    """Permanently deletes these deleted branches before their time in the trash is over."""
    ids = erasing.erase_branches(condition)
    truncate_log()
    for chat in db.session.scalars(select(Chat).where(Chat.id.in_(ids))).all():
        announcements.announce(chat, "thread", chat.id)


def _count_below(*conditions: ColumnElement[bool]) -> dict[str, int]:
    """Returns how many messages go (or went) with each of these, leaving out those that went with another of them."""
    below = _below(*conditions)
    beyond = case((below.c.is_beyond, below.c.id))
    query = select(below.c.root, beyond, func.count()).group_by(below.c.root, beyond)
    [rows] = bounded.read([query])
    hidden = {id for _, id, _ in rows}
    return {root: count - 1 for root, id, count in rows if not id and root not in hidden}


def _below(*conditions: ColumnElement[bool]) -> CTE:
    """Builds a recursive query for messages and everything below each.

    It stops at messages that were deleted separately; those have `is_beyond` set.
    """
    first = select(Message.id, Message.id.label("root"), false().label("is_beyond")).where(*conditions)
    below = first.cte("below", recursive=True)
    next = select(Message.id, below.c.root, Message.deleted_at.is_not(None)).join(below, Message.parent_id == below.c.id)
    return below.union_all(next.where(~below.c.is_beyond))
