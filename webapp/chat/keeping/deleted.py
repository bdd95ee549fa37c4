"""Deleted branches of chats: which messages are deleted, what each took with it, and erasing them permanently."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import CTE, ColumnElement, and_, case, false, func, select

from webapp.chat import queries
from webapp.chat.keeping import erasing
from webapp.chat.list.titles import first_words
from webapp.chat.messages import sending
from webapp.chat.tables import Chat, Message
from webapp.db import db
from webapp.heavy import bounded

WORDS_CHARS = 200


class Branch(NamedTuple):
    """The message that was deleted, and how many went with it."""

    id: str
    after: int


@dataclass(frozen=True, slots=True)
class Lost:
    """What the trash says of a branch."""

    id: str
    title: str
    role: str
    words: str
    deleted_at: datetime
    after: int


def cut(messages: Sequence[Message], right: str) -> Branch | None:
    """What was deleted where these messages end, as long as who has this right can bring it back."""
    last = messages[-1] if messages and right == "own" else None
    if not last or not last.cut_id:
        return None
    found = _after(Message.id == last.cut_id, Message.parent_id == last.id, Message.deleted_at.is_not(None))
    return next((Branch(*each) for each in found.items()), None)


def after(message: Message) -> int:
    """How many messages in sight stand below one."""
    return _after(Message.id == message.id)[message.id]


def with_all_below(message: Message) -> list[str]:
    """The ids of a message and of all that goes with it."""
    below = _below(Message.id == message.id)
    return bounded.column(select(below.c.id))


def holds(message: Message, id: str) -> bool:
    """Whether the other is the message or comes back with it."""
    below = _below(Message.id == message.id)
    return db.session.scalar(select(below.c.id).where(below.c.id == id, ~below.c.is_beyond)) is not None


def lost(owner_id: str, *, limit: int = 200) -> list[Lost]:
    """What was deleted in a person's chats, the last first; what went with something else comes back with that."""
    query = select(Message.id, Chat.title, Message.role, func.substr(Message.content, 1, WORDS_CHARS))
    query = query.add_columns(Message.deleted_at).join(Chat, Chat.id == Message.chat_id).where(is_lost(owner_id))
    rows = db.session.execute(query.order_by(Message.deleted_at.desc(), Message.id).limit(limit)).all()
    counts = _after(Message.id.in_([row.id for row in rows])) if rows else {}
    return [Lost(id, title, role, first_words(words), at, counts[id]) for id, title, role, words, at in rows if id in counts]


def count_lost(owner_id: str) -> int:
    return db.session.scalar(select(func.count()).select_from(Message).where(is_lost(owner_id))) or 0


def is_lost(owner_id: str) -> ColumnElement[bool]:
    """Whether a message was deleted in a chat of this person's that lies in a list."""
    chats = select(Chat.id).where(Chat.owner_id == owner_id, Chat.deleted_at.is_(None), queries.KEPT)
    return and_(Message.chat_id.in_(chats), Message.deleted_at.is_not(None))


def erase(which: ColumnElement[bool]) -> None:
    """Delete what was deleted for good, without waiting for its time."""
    ids = erasing.erase_branches(which)
    for chat in db.session.scalars(select(Chat).where(Chat.id.in_(ids))).all():
        sending.announce(chat, "thread", chat.id)


def _after(*which: ColumnElement[bool]) -> dict[str, int]:
    """For each of these messages how many go or went with it; not for those that went with another of them."""
    below = _below(*which)
    beyond = case((below.c.is_beyond, below.c.id))
    query = select(below.c.root, beyond, func.count()).group_by(below.c.root, beyond)
    [rows] = bounded.read([query])
    hidden = {id for _, id, _ in rows}
    return {root: count - 1 for root, id, count in rows if not id and root not in hidden}


def _below(*which: ColumnElement[bool]) -> CTE:
    """Messages with all that stands below each, to where something was deleted by itself: that is beyond."""
    first = select(Message.id, Message.id.label("root"), false().label("is_beyond")).where(*which)
    below = first.cte("below", recursive=True)
    next = select(Message.id, below.c.root, Message.deleted_at.is_not(None)).join(below, Message.parent_id == below.c.id)
    return below.union_all(next.where(~below.c.is_beyond))
