"""Reads the branch that a chat shows in chunks, so that an export of any length uses little memory."""

from collections.abc import Iterator, Sequence

from sqlalchemy import func, select, text
from sqlalchemy.orm import defer, undefer
from sqlalchemy.sql.base import ExecutableOption

from webapp.base.db import db
from webapp.base.heavy.turns import by_turns
from webapp.chat.record import queries
from webapp.chat.record.tables import Chat, Message
from webapp.engine.engine import Engine

# Limits for one query: ids, messages, characters of text. Messages are limited too because SQLite reads a whole text to measure
# its length.
MOST_IDS, MOST_MESSAGES, MOST_CHARS = 2_000, 20, 500_000
UP = text("""
    WITH RECURSIVE up(id, parent_id, height) AS (
        SELECT id, parent_id, 1 FROM messages WHERE id = :id
        UNION ALL SELECT m.id, m.parent_id, up.height + 1 FROM messages m JOIN up ON m.id = up.parent_id WHERE up.height < :most)
    SELECT id, parent_id FROM up ORDER BY height
""")
# Only pages need the HTML, which is many times as long as the text.
WITHOUT_HTML = defer(Message.html, raiseload=True)
# For exports in formats that have them.
WITH_FOREIGN = undefer(Message.foreign_fields)


def chunks_of_branch(engine: Engine, chat_id: str) -> Iterator[list[str]]:
    """Yields the branch's message ids from the root, one chunk per query, letting other greenlets run in between."""
    ids = [id for piece in by_turns(_upwards(engine, chat_id), seconds=0) for id in piece][::-1]
    starts = range(0, len(ids), MOST_MESSAGES)
    return by_turns((each for start in starts for each in chunks(engine, ids[start : start + MOST_MESSAGES])), seconds=0)


def messages(ids: Sequence[str], *options: ExecutableOption) -> list[Message]:
    """Returns these messages in this order, without deleted ones and without loading their HTML."""
    return queries.in_order(ids, WITHOUT_HTML, *options)


def _upwards(engine: Engine, chat_id: str) -> Iterator[list[str]]:
    with engine.in_app():
        id = db.session.scalar(select(Chat.head_id).where(Chat.id == chat_id))
    while id:
        with engine.in_app():
            rows = db.session.execute(UP, {"id": id, "most": MOST_IDS}).all()
        yield [row.id for row in rows]
        id = rows[-1].parent_id if rows else None


def chunks(engine: Engine, ids: Sequence[str]) -> Iterator[list[str]]:
    """Splits the ids into chunks whose texts fit the limit together; a chunk has at least one id."""
    size = (func.length(Message.content) + func.length(Message.reasoning)).label("size")
    with engine.in_app():
        sizes = {row.id: row.size for row in db.session.execute(select(Message.id, size).where(Message.id.in_(ids)))}
    piece, chars = list[str](), 0
    for id in ids:
        if piece and chars + sizes.get(id, 0) > MOST_CHARS:
            yield piece
            piece, chars = [], 0
        piece.append(id)
        chars += sizes.get(id, 0)
    yield piece
