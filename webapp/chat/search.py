"""Search in a person's chats and those shared with them, in titles and in every message, by the database's own index of words."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import TextClause

from webapp.chat import queries
from webapp.chat.search_statements import POSTGRESQL, SQLITE, Statements
from webapp.extensions import UTCDateTime, db, is_sqlite
from webapp.rendering.text import plain

# What the words are by which both databases tell texts apart; all else only divides.
WORD = re.compile(r"[^\W_]+")
MOST_WORDS, MOST_WORD_CHARS = 20, 60
BEFORE_CHARS, AFTER_CHARS = 100, 200
# How the database shows where a passage has the words: characters that no keyboard makes.
OPENS, CLOSES = "\x02", "\x03"
MARKS = re.compile(f"([{OPENS}{CLOSES}])")
PAGE = 20
MOST_TITLES = 10


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a passage; marked where it is one of the words that were looked for."""

    text: str
    is_marked: bool


@dataclass(frozen=True, slots=True)
class Hit:
    """A chat whose title has the words or, with a message, one that says them."""

    chat_id: str
    title: str
    at: datetime
    message_id: str = ""
    role: str = ""
    passage: tuple[Piece, ...] = ()
    sharer: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    titles: Sequence[Hit]
    hits: Sequence[Hit]
    has_more: bool


def words_of(query: str) -> list[str]:
    """The words to look for; a query without any looks for nothing."""
    return [word[:MOST_WORD_CHARS] for word in WORD.findall(query.lower())[:MOST_WORDS]]


def search(owner_id: str, query: str, *, page: int = 0) -> Found:
    """The passages that have all the words, the last of which may be a beginning, the best first."""
    if not (words := words_of(query)):
        return Found((), (), False)
    dialect = SQLITE if is_sqlite() else POSTGRESQL
    asked = {"query": dialect.query(words), "owner": owner_id}
    rows = _rows(dialect.messages, **asked, limit=PAGE + 1, skip=page * PAGE)
    seen = _in_sight(rows[:PAGE])
    passages = _passages(dialect, words, [row.id for row in seen])
    hits = [Hit(row.chat_id, row.title, row.at, row.id, row.role, passages.get(row.id, ()), row.sharer or "") for row in seen]
    titles = [] if page else [_title(row) for row in _rows(dialect.chats, **asked, limit=MOST_TITLES)]
    return Found(titles, hits, len(rows) > PAGE)


def _rows(statement: TextClause, **values: Any) -> list[Any]:
    return list(db.session.execute(statement.columns(at=UTCDateTime), values))


def _title(row: Any) -> Hit:
    return Hit(row.id, row.title, row.at, sharer=row.sharer or "")


def _in_sight(rows: list[Any]) -> list[Any]:
    """Without what stands below a message that was deleted."""
    hidden = queries.out_of_sight(row.id for row in rows)
    return [row for row in rows if row.id not in hidden]


def _passages(dialect: Statements, words: list[str], ids: list[str]) -> dict[str, tuple[Piece, ...]]:
    """Made for the hits that are shown alone: to find a passage takes reading the text."""
    if not ids:
        return {}
    values = {"query": dialect.query(words), "first": words[0], "ids": ids, "opens": OPENS, "closes": CLOSES}
    rows = db.session.execute(dialect.passages, values)
    return {id: tuple(_pieces(_without_signs(_cut_out(marked, whole) if whole else marked))) for id, marked, whole in rows}


def _cut_out(marked: str, whole: str) -> str:
    """What stands around the first mark, in the words of the whole text: the marked one lacks its signs."""
    parts, at = MARKS.split(marked), 0
    for n, part in enumerate(parts):
        if part not in (OPENS, CLOSES):
            parts[n], at = whole[at : at + len(part)], at + len(part)
    text, first = "".join(parts), max(0, marked.find(OPENS))
    start = text.rfind(" ", 0, max(0, first - BEFORE_CHARS)) + 1 if first > BEFORE_CHARS else 0
    end = first + AFTER_CHARS
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"


def _without_signs(passage: str) -> str:
    """The words of what is a part of a markdown text, as long as all that is marked is among them."""
    words = plain(passage)
    return words if words.count(OPENS) == passage.count(OPENS) else passage


def _pieces(passage: str) -> list[Piece]:
    pieces: list[Piece] = []
    for part in passage.split(OPENS):
        marked, _, rest = part.rpartition(CLOSES)
        pieces += [Piece(marked.replace(CLOSES, ""), True), Piece(rest, False)]
    return [piece for piece in pieces if piece.text]
