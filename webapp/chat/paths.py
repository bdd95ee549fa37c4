"""What was said on the way to a message: of a long chat that is tens of megabytes, which are read in pieces."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import Select, String, bindparam, func, literal, select
from sqlalchemy.orm import Session, aliased

from webapp.chat.queries import Said
from webapp.chat.tables import Message
from webapp.db import db
from webapp.errors import Conflict
from webapp.heavy import bounded
from webapp.statements import Ready

T = TypeVar("T")
# Read in one go: about ten milliseconds, and more than most chats hold.
PIECE_CHARS = 1_000_000
KNOWN = "what was said before"
TRIES = 3


class Long(Exception):
    """Within a transaction there was more to be read than in one go: what was said down to `above`."""

    def __init__(self, above: str) -> None:
        self.above = above


def said_to(message_id: str) -> list[Said]:
    """From the root of the tree to a message."""
    return [said for piece in reversed([*said_upwards(message_id)]) for said in piece]


def said_upwards(message_id: str) -> Iterator[list[Said]]:
    """The same in pieces, the last one first: whoever needs the end alone reads no more."""
    rows: Sequence[Any] = NEAR.all(db.session(), {"id": message_id})
    yield _said(rows)
    while above := _above(rows):
        [rows] = bounded.read([STATEMENT.params(id=above)])
        yield _said(rows)


def said_within(session: Session, message_id: str) -> list[Said]:
    """The same in a transaction that `again_when_long` stores in: nobody writes meanwhile, so it reads little."""
    rows = NEAR.all(session, {"id": message_id})
    above = _above(rows)
    known: dict[str | None, list[Said]] = {None: [], **session.info.get(KNOWN, {})}
    if above not in known:
        raise Long(above or "")
    return [*known[above], *_said(rows)]


def again_when_long(store: Callable[[], T]) -> T:
    """Stores something for which what was said is read; where that is long, it is read first, and all is done again.

    Nothing need be compared then: what stands above a message stays there, and only grows.
    """
    info = db.session().info
    try:
        for _ in range(TRIES):
            try:
                return store()
            except Long as long:
                info[KNOWN] = {long.above: said_to(long.above)}
        raise Conflict("This chat has just changed. Please try again.")
    finally:
        info.pop(KNOWN, None)


def _above(rows: Sequence[Any]) -> str | None:
    """The message before these, if there is one."""
    return rows[0][4] if rows else None


def _said(rows: Iterable[Any]) -> list[Said]:
    return [Said(*row[:4]) for row in rows]


def _statement() -> Select[str, str, str, str, str | None]:
    chars = func.length(Message.content)
    start = select(Message.id, Message.parent_id, literal(0).label("height"), chars.label("chars"))
    up = start.where(Message.id == bindparam("id", type_=String)).cte("up", recursive=True)
    parent = aliased(Message)
    step = select(parent.id, parent.parent_id, up.c.height + 1, up.c.chars + func.length(parent.content))
    up = up.union_all(step.where(parent.id == up.c.parent_id, up.c.chars < PIECE_CHARS))
    said = select(Message.id, Message.role, Message.content, Message.speaker_name, Message.parent_id)
    return said.join(up, up.c.id == Message.id).order_by(up.c.height.desc())


STATEMENT = _statement()
NEAR = Ready(STATEMENT)
