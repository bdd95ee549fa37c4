"""Reads the messages on the path to a message; in a long chat these are tens of megabytes, so they are read in chunks."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Select, String, bindparam, func, literal, select
from sqlalchemy.orm import Session, aliased

from webapp.base.database.statements import Prepared
from webapp.base.db import db
from webapp.base.errors import Conflict
from webapp.base.heavy import bounded
from webapp.chat.record.tables import Message

NEW_LINE = "\n"


class PathMessage(NamedTuple):
    """The parts of a message that a model is sent, a fraction of what a `Message` of a long chat takes.

    `speaker` is the speaker's name; it is used in groups only. A person has hidden the message from models if it `is_hidden`.
    `outside` and `is_kept` are as in `Message`.
    """

    id: str
    role: str
    content: str
    speaker: str = ""
    is_hidden: bool = False
    outside: str = ""
    is_kept: bool = False

    @property
    def is_sent(self) -> bool:
        """Whether models are sent the message, if there is room for it."""
        return bool(self.content) and not self.is_hidden

    @property
    def sent_text(self) -> str:
        """The text as sent to a model, with the speaker's name in front; some models write the name themselves."""
        if not self.speaker or self.content.startswith(f"{self.speaker}:"):
            return self.content
        # A reference to a picture or file must be on a line of its own.
        return f"{self.speaker}:{NEW_LINE if self.content.startswith(('![', '[')) else ' '}{self.content}"


T = TypeVar("T")
# The size of a chunk: it takes about ten milliseconds to read, and most chats are smaller.
PIECE_CHARS = 1_000_000
KNOWN = "known messages"
TRIES = 3


class PathTooLong(Exception):
    """Raised within a transaction if the path is longer than one chunk; `above` is the last message before that chunk."""

    def __init__(self, above: str) -> None:
        self.above = above


def messages_to(message_id: str) -> list[PathMessage]:
    """Returns the messages from the root of the tree down to a message."""
    return [message for piece in reversed([*pieces_upwards(message_id)]) for message in piece]


def pieces_upwards(message_id: str) -> Iterator[list[PathMessage]]:
    """Yields the path in chunks from its end upwards, so that callers that need only the end read no more."""
    rows: Sequence[Any] = NEAR.all(db.session(), {"id": message_id})
    yield _messages(rows)
    while above := _above(rows):
        [rows] = bounded.read([STATEMENT.params(id=above)])
        yield _messages(rows)


def messages_within(session: Session, message_id: str) -> list[PathMessage]:
    """Returns the path within a transaction of `retry_if_path_too_long`; reads one chunk only, as other writers wait."""
    rows = NEAR.all(session, {"id": message_id})
    above = _above(rows)
    paths_by_id: dict[str | None, list[PathMessage]] = {None: [], **session.info.get(KNOWN, {})}
    if above not in paths_by_id:
        raise PathTooLong(above or "")
    return [*paths_by_id[above], *_messages(rows)]


def retry_if_path_too_long(store: Callable[[], T]) -> T:
    """Runs a transaction that reads a path; if the path is long, its beginning is read outside first and `store` runs again.

    The early read needs no check afterwards: the texts above a message never change, they only grow.
    """
    info = db.session().info
    try:
        for _ in range(TRIES):
            try:
                return store()
            except PathTooLong as long:
                info[KNOWN] = {long.above: messages_to(long.above)}
        raise Conflict("This chat has just changed. Please try again.")
    finally:
        info.pop(KNOWN, None)


def _above(rows: Sequence[Any]) -> str | None:
    """Returns the id of the message before these, if there is one."""
    return rows[0][7] if rows else None


def _messages(rows: Iterable[Any]) -> list[PathMessage]:
    return [PathMessage(*row[:7]) for row in rows]


def _statement() -> Select[str, str, str, str, bool, str, bool, str | None]:
    chars = func.length(Message.content)
    start = select(Message.id, Message.parent_id, literal(0).label("height"), chars.label("chars"))
    up = start.where(Message.id == bindparam("id", type_=String)).cte("up", recursive=True)
    parent = aliased(Message)
    step = select(parent.id, parent.parent_id, up.c.height + 1, up.c.chars + func.length(parent.content))
    up = up.union_all(step.where(parent.id == up.c.parent_id, up.c.chars < PIECE_CHARS))
    columns = Message.id, Message.role, Message.content, Message.speaker_name, Message.is_hidden, Message.outside, Message.is_kept
    messages = select(*columns, Message.parent_id)
    return messages.join(up, up.c.id == Message.id).order_by(up.c.height.desc())


STATEMENT = _statement()
NEAR = Prepared(STATEMENT)
