"""Search in a person's chats and those shared with them, in titles and in every message, by the database's own index of words."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Result, TextClause

from webapp.chat import queries
from webapp.chat.list.passages import Piece, passage
from webapp.chat.list.search_statements import MOST_RANKED, POSTGRESQL, SQLITE, Statements
from webapp.db import UTCDateTime, db, is_sqlite
from webapp.heavy.door import Door
from webapp.heavy.turns import stand_in_line

# What the words are by which both databases tell texts apart; all else only divides.
WORD = re.compile(r"[^\W_]+")
MOST_WORDS, MOST_WORD_CHARS = 20, 60
PAGE = 20
MOST_TITLES = 10
# While one types: enough for a sidebar. Of shorter words than this too many begin so.
MOST_GLANCED = 8
LEAST_BEGINNING = 3
# So many of one message are usual where there are any.
VERSIONS_OF_ONE = 3
MOST_MARKED_CHARS = 200
# Some hits take several milliseconds each to be ranked.
RANKED_AT_ONCE = 5
# To climb from a message to the first of ten thousand takes ten.
CLIMBED_AT_ONCE = 4
# The database computes for each of them: more at once would only keep its processors and connections from everyone else.
_door = Door(most=8, most_each=2)


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

    @property
    def marked(self) -> str:
        """The words of the passage that were looked for, as they stand there; for the page that shows them in their place."""
        return " ".join(dict.fromkeys(piece.text.lower() for piece in self.passage if piece.is_marked))[:MOST_MARKED_CHARS]


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
    if not (words := _once(words_of(query))):
        return Found((), (), False)
    with _door.passed(owner_id):
        return _found(owner_id, words, page)


def _found(owner_id: str, words: list[str], page: int) -> Found:
    dialect = SQLITE if is_sqlite() else POSTGRESQL
    asked = {"query": dialect.query(words), "owner": owner_id}
    rows = _places(_ranked(_rows(dialect.messages, **asked)))[page * PAGE : (page + 1) * PAGE + 1]
    hits = _hits(dialect, words, rows[:PAGE])
    titles = [] if page else [_title(row) for row in _rows(dialect.chats, **asked, limit=MOST_TITLES)]
    return Found(titles, hits, len(rows) > PAGE)


def glance(owner_id: str, query: str) -> Found:
    """What a search that is still being typed shows: titles, and the newest passages, without ranking anything."""
    if not (words := _once(words_of(query))):
        return Found((), (), False)
    with _door.passed(owner_id):
        return _glanced(owner_id, query, words)


def _glanced(owner_id: str, query: str, words: list[str]) -> Found:
    dialect, whole = SQLITE if is_sqlite() else POSTGRESQL, words if _is_long_enough(words[-1]) else words[:-1]
    asked = {"owner": owner_id, "limit": MOST_GLANCED * VERSIONS_OF_ONE}
    rows = _rows(dialect.newest, query=dialect.query(whole), **asked).all() if whole else []
    hits = _hits(dialect, whole, _places(rows)[:MOST_GLANCED])
    return Found(titles_of(owner_id, query, limit=MOST_GLANCED), hits, False)


def titles_of(owner_id: str, query: str, *, limit: int) -> list[Hit]:
    """The newest chats in whose titles every one of the words begins a word."""
    if not (words := _once(words_of(query))):
        return []
    dialect = SQLITE if is_sqlite() else POSTGRESQL
    return [_title(row) for row in _rows(dialect.chats, query=dialect.titles(words), owner=owner_id, limit=limit)]


def _is_long_enough(beginning: str) -> bool:
    """Few words begin like a sign that is a word or a syllable of its own."""
    return len(beginning) >= LEAST_BEGINNING or not beginning.isascii()


def _once(words: Sequence[str]) -> list[str]:
    """Each word once, as ranking takes time for each; the last stays the last."""
    return list(dict.fromkeys(reversed(words)))[::-1]


def _rows(statement: TextClause, **values: Any) -> Result[Any]:
    return db.session.execute(statement.columns(at=UTCDateTime), values)


def _ranked(found: Result[Any]) -> list[Any]:
    """The best first and, of equals, the newest, as they are found; PostgreSQL has ranked them all when it answers."""
    rows: list[Any] = []
    for some in found.partitions(RANKED_AT_ONCE if is_sqlite() else MOST_RANKED):
        rows += some
        stand_in_line()
    return sorted(rows, key=lambda row: row.rank)


def _places(rows: Sequence[Any]) -> list[Any]:
    """Of the versions of one message the first alone: the others are beside it."""
    first: dict[tuple[str, str | None, str], Any] = {}
    for row in rows:
        first.setdefault((row.chat_id, row.parent_id, row.role), row)
    return list(first.values())


def _hits(dialect: Statements, words: list[str], rows: Sequence[Any]) -> list[Hit]:
    seen = _in_sight(rows)
    passages = _passages(dialect, words, [row.id for row in seen])
    return [Hit(row.chat_id, row.title, row.at, row.id, row.role, passages.get(row.id, ()), row.sharer or "") for row in seen]


def _title(row: Any) -> Hit:
    return Hit(row.id, row.title, row.at, sharer=row.sharer or "")


def _in_sight(rows: Sequence[Any]) -> list[Any]:
    """Without what stands below a message that was deleted."""
    hidden: set[str] = set()
    for start in range(0, len(rows), CLIMBED_AT_ONCE):
        hidden |= queries.out_of_sight(row.id for row in rows[start : start + CLIMBED_AT_ONCE])
        stand_in_line()
    return [row for row in rows if row.id not in hidden]


def _passages(dialect: Statements, words: list[str], ids: list[str]) -> dict[str, tuple[Piece, ...]]:
    """Made for the hits that are shown alone, one after the other: to find a passage takes reading the text."""
    found: dict[str, tuple[Piece, ...]] = {}
    for id in ids:
        (row,) = db.session.execute(dialect.texts, {"ids": [id], "first": words[0]})
        found[id] = passage(row.content, words, is_cut=row.start > 0)
        stand_in_line()
    return found
