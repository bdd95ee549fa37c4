"""Full-text search in titles, messages and calls of a person's chats and those shared with them.

A query can also say what narrows it: `webapp/workspace/list/narrowing.py`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Result, Text, TextClause, bindparam, cast, func, literal_column, or_, select, text
from sqlalchemy.orm import load_only

from webapp.base.db import UTCDateTime, db, is_sqlite
from webapp.base.heavy.turns import queue_for_turn
from webapp.base.heavy.work_limiter import WorkLimiter
from webapp.chat.record import projects, queries
from webapp.people.accounts.tables import User
from webapp.people.search_words import parse
from webapp.rendering.passages import PassagePiece, from_first_match, passage
from webapp.tools.calls import shown_arguments
from webapp.tools.results import hidden_results
from webapp.tools.tables import Call
from webapp.workspace.list.narrowing import HERE, Narrowing, narrowing

# Must match the expressions of the migration's indexes, or PostgreSQL won't use them. They are limited to what fits into a
# tsvector, and without the characters by which PostgreSQL's parser would take words for a tag, an address or a path.
READS = "translate(left({}, {}), '<>/.@_-=&#:', '           ')"
CONTENT, TITLE = (f"to_tsvector('english', {READS.format(column, 200_000)})" for column in ("m.content", "c.title"))
# Ranking reads every text again, or at least its length. So only this many of the newest matches are ranked, and PostgreSQL
# uses only their first characters.
MOST_RANKED = 300
# While typing, only this many of the newest matches are checked, regardless of their owner.
MOST_NEWEST = 3_000
RANKED = f"to_tsvector('english', {READS.format('m.content', 20_000)})"
# Of a call, its tool, and as much of its arguments and of its result as the index of the migration covers.
CALL_CHARS = 20_000
CALL_WORDS = f"k.title || ' ' || k.tool || ' ' || left(k.arguments, {CALL_CHARS}) || ' ' || left(k.text, {CALL_CHARS})"
CALL = f"to_tsvector('english', translate({CALL_WORDS}, '<>/.@_-=&#:', '           '))"
RANKED_CALL = f"to_tsvector('english', {READS.format(CALL_WORDS, 20_000)})"
# Includes chats shared with the person, with a group of theirs or with a project of theirs, but not those shared with the whole
# team by link.
NAMED = "(user_id = :owner OR group_id IN (SELECT group_id FROM memberships WHERE user_id = :owner))"
GIVEN = f"SELECT object_id FROM grants WHERE object_kind = 'chat' AND {NAMED}"
# What is compiled for no database has names, booleans and words in quotes, which both read.
CHAT = SimpleNamespace(**{name: literal_column(f"c.{name}") for name in ("owner_id", "project_id", "is_for_project")})
OF_PROJECT = projects.shares_with(literal_column(":owner"), chat=CHAT).compile(compile_kwargs={"literal_binds": True})
SEEN = f"(c.owner_id = :owner OR c.id IN ({GIVEN}) OR {OF_PROJECT}) AND c.deleted_at IS NULL AND NOT c.is_temporary {HERE}"
SHARER = "(SELECT coalesce(nullif(u.name, ''), u.email) FROM users u WHERE u.id = c.owner_id AND u.id <> :owner) AS sharer"
OF_MESSAGE = f"m.id, m.chat_id, m.parent_id, m.role, m.created_at AS at, c.title, {SHARER}"
SHOWN, SHOWN_CALL = f"{OF_MESSAGE}, '' AS call_id", f"{OF_MESSAGE}, k.id AS call_id"
# The part of a text that is searched for the passage: its beginning or, of a longer text, the part that begins before the first
# word.
TEXTS = """SELECT id, start, substr(content, start + 1, 200000) AS content FROM (
    SELECT id, content, CASE WHEN length(content) <= 200000 THEN 0 ELSE {} END AS start FROM messages WHERE id IN :ids) AS m"""
# What both databases index as words; every other character is a separator.
WORD = re.compile(r"[^\W_]+")
MOST_WORDS, MOST_WORD_CHARS = 20, 60
PAGE = 20
# While typing, shorter prefixes would match too many words.
LEAST_BEGINNING = 3
# How many matching versions to expect of one message; all but one of them are dropped.
VERSIONS_OF_ONE = 3
MOST_MARKED_CHARS, MOST_TITLE_CHARS = 200, 100
# Ranking one hit can take several milliseconds, so rows are fetched in batches of this size.
RANKED_AT_ONCE = 5
# Walking from a message up to the root takes 10 ms in a chat of ten thousand messages.
CLIMBED_AT_ONCE = 4
# Limits concurrent searches, because each needs CPU time and a connection of the database.
_limiter = WorkLimiter(most=8, most_each=2, before_waiting=lambda: db.session.rollback())


@dataclass(frozen=True, slots=True)
class Statements:
    """The search statements of one database; `query` builds its match expression from words, which need no escaping.

    `messages` selects the newest matches, with the lowest rank for the best; `texts` selects the texts to cut passages from.
    `titles` builds a match expression in which every word is a prefix; `newest` selects a few matching messages, newest first.
    `calls` and `newest_calls` are the same for messages whose calls match.
    """

    query: Callable[[Sequence[str]], str]
    titles: Callable[[Sequence[str]], str]
    messages: str
    newest: str
    calls: str
    newest_calls: str
    chats: str
    texts: TextClause


@dataclass(frozen=True, slots=True)
class FoundChat:
    """A chat whose title matches or, with `message_id`, a message that does; `call` is the title of the call that matches."""

    chat_id: str
    title: str
    at: datetime
    message_id: str = ""
    role: str = ""
    passage: tuple[PassagePiece, ...] = ()
    sharer: str = ""
    call: str = ""

    @property
    def short_passage(self) -> tuple[PassagePiece, ...]:
        return from_first_match(self.passage)

    @property
    def marked(self) -> str:
        """The matched words as written in the passage, for the page that highlights them in the message."""
        return " ".join(dict.fromkeys(piece.text.lower() for piece in self.passage if piece.is_marked))[:MOST_MARKED_CHARS]


@dataclass(frozen=True, slots=True)
class ChatSearchResult:
    """`faults` are sentences about what narrows the search and can't be read; nothing is searched then."""

    hits: Sequence[FoundChat] = ()
    has_more: bool = False
    faults: Sequence[str] = ()

    @property
    def by_chat(self) -> Sequence[Sequence[FoundChat]]:
        """The messages grouped by chat, the chat of the best match first."""
        chats: dict[str, list[FoundChat]] = {}
        for hit in self.hits:
            chats.setdefault(hit.chat_id, []).append(hit)
        return list(chats.values())


def words_of(query: str) -> list[str]:
    """Splits a query into words; a query without words finds nothing."""
    return [word[:MOST_WORD_CHARS] for word in WORD.findall(query.lower())[:MOST_WORDS]]


def search(owner_id: str, query: str, *, page: int = 0) -> ChatSearchResult:
    """Returns the passages that contain all words, best matches first; the last word can be a prefix."""
    read = parse(query)
    narrowed = narrowing(db.session.get_one(User, owner_id), read)
    words = _once(words_of(read.text))
    if narrowed.faults or not words:
        return ChatSearchResult(faults=narrowed.faults)
    with _limiter.entered(owner_id):
        return _found(owner_id, words, narrowed, page)


def _found(owner_id: str, words: list[str], narrowed: Narrowing, page: int) -> ChatSearchResult:
    dialect = SQLITE if is_sqlite() else POSTGRESQL
    values = {"query": dialect.query(words), "owner": owner_id, **narrowed.values}
    messages, calls = (narrowed.in_statement(sql, is_of_messages=True) for sql in (dialect.messages, dialect.calls))
    ranked = _ranked(_rows(messages, **values))
    ranked += _without_unseen(_ranked(_rows(calls, **values)), words, owner_id)
    ranked.sort(key=lambda row: row.rank)
    rows = _first_versions(ranked)[page * PAGE : (page + 1) * PAGE + 1]
    return ChatSearchResult(_hits(dialect, words, rows[:PAGE]), len(rows) > PAGE)


def newest_passages(owner_id: str, query: str, *, limit: int) -> list[FoundChat]:
    """Returns the newest passages, unranked, while the person is typing."""
    read = parse(query)
    if not (words := _once(words_of(read.text))):
        return []
    dialect, whole = SQLITE if is_sqlite() else POSTGRESQL, words if _is_long_enough(words[-1]) else words[:-1]
    narrowed = narrowing(db.session.get_one(User, owner_id), read)
    if not whole or narrowed.faults:
        return []
    messages, calls = (narrowed.in_statement(sql, is_of_messages=True) for sql in (dialect.newest, dialect.newest_calls))
    with _limiter.entered(owner_id):
        values = {"query": dialect.query(whole), "owner": owner_id, "limit": limit * VERSIONS_OF_ONE, **narrowed.values}
        called = _without_unseen(_rows(calls, **values).all(), whole, owner_id)
        rows = sorted([*_rows(messages, **values), *called], key=lambda row: row.id, reverse=True)
        return _hits(dialect, whole, _first_versions(rows)[:limit])


def titles_of(owner_id: str, query: str, *, limit: int) -> list[FoundChat]:
    """Returns the newest chats whose titles contain words that begin with each of these words; without any, the newest chats."""
    read = parse(query)
    words, narrowed = _once(words_of(read.text)), narrowing(db.session.get_one(User, owner_id), read)
    if narrowed.faults or not (words or (read.filters and not read.text)):
        return []
    dialect = SQLITE if is_sqlite() else POSTGRESQL
    values = {"owner": owner_id, "limit": limit, **narrowed.values} | ({"query": dialect.titles(words)} if words else {})
    statement = narrowed.in_statement(dialect.chats if words else ALL_CHATS)
    return [_title(row) for row in _rows(statement, **values)]


def _is_long_enough(beginning: str) -> bool:
    """Returns whether a prefix is selective enough: long, or in a script whose characters are words or syllables."""
    return len(beginning) >= LEAST_BEGINNING or not beginning.isascii()


def _once(words: Sequence[str]) -> list[str]:
    """Removes duplicates, since each word adds ranking time; the last word stays last."""
    return list(dict.fromkeys(reversed(words)))[::-1]


def _rows(statement: TextClause, **values: Any) -> Result[Any]:
    return db.session.execute(statement.columns(at=UTCDateTime), values)


def _ranked(result: Result[Any]) -> list[Any]:
    """Sorts the rows by rank, newest first among equals, fetching them in batches with pauses for other greenlets.

    SQLite computes ranks while rows are fetched; PostgreSQL has ranked all rows when it responds.
    """
    rows: list[Any] = []
    for some in result.partitions(RANKED_AT_ONCE if is_sqlite() else MOST_RANKED):
        rows += some
        queue_for_turn()
    return sorted(rows, key=lambda row: row.rank)


def _first_versions(rows: Sequence[Any]) -> list[Any]:
    """Keeps the first match among versions of the same message: the others can be reached from there."""
    first: dict[tuple[str, str | None, str], Any] = {}
    for row in rows:
        first.setdefault((row.chat_id, row.parent_id, row.role), row)
    return list(first.values())


def _hits(dialect: Statements, words: list[str], rows: Sequence[Any]) -> list[FoundChat]:
    seen, hits = _in_sight(rows), list[FoundChat]()
    passages = _passages(dialect, words, [row.id for row in seen if not row.call_id])
    calls = _call_passages(words, [row.call_id for row in seen if row.call_id])
    for row in seen:
        title, passage = calls.get(row.call_id, ("", ())) if row.call_id else ("", passages.get(row.id, ()))
        hits.append(FoundChat(row.chat_id, row.title, row.at, row.id, row.role, passage, row.sharer or "", title))
    return hits


def _title(row: Any) -> FoundChat:
    return FoundChat(row.id, row.title, row.at, sharer=row.sharer or "")


def _in_sight(rows: Sequence[Any]) -> list[Any]:
    """Drops messages below a deleted one."""
    hidden: set[str] = set()
    for start in range(0, len(rows), CLIMBED_AT_ONCE):
        hidden |= queries.deleted_among(row.id for row in rows[start : start + CLIMBED_AT_ONCE])
        queue_for_turn()
    return [row for row in rows if row.id not in hidden]


def _passages(dialect: Statements, words: list[str], ids: list[str]) -> dict[str, tuple[PassagePiece, ...]]:
    """Returns the passages of the hits on this page, reading one text at a time."""
    passages_by_id: dict[str, tuple[PassagePiece, ...]] = {}
    for id in ids:
        (row,) = db.session.execute(dialect.texts, {"ids": [id], "first": words[0]})
        passages_by_id[id] = passage(row.content, words, is_cut=row.start > 0)
        queue_for_turn()
    return passages_by_id


def _without_unseen(rows: Sequence[Any], words: list[str], person_id: str) -> list[Any]:
    """Drops calls that match by a result which the person can't see: that it has the words must not be told."""
    ids = [row.call_id for row in rows]
    can_be_hidden = or_(cast(Call.sources, Text) != "[]", Call.private_to.is_not(None))
    query = select(Call).options(load_only(Call.sources, Call.private_to)).where(Call.id.in_(ids), can_be_hidden)
    calls = db.session.scalars(query).all() if ids else ()
    hidden = hidden_results(db.session.get(User, person_id), calls) if calls else {}
    dropped = {id for id in hidden if not _has_all(_words_of_call(_call(id)), words)}
    return [row for row in rows if row.call_id not in dropped]


def _call(id: str) -> Any:
    """Returns the columns of a call in which words are found, the long ones up to their limit."""
    arguments, result = (func.substr(column, 1, CALL_CHARS) for column in (Call.arguments, Call.text))
    columns = Call.title, Call.tool, arguments.label("arguments"), result.label("text")
    return db.session.execute(select(*columns).where(Call.id == id)).one()


def _has_all(text: str, words: Sequence[str]) -> bool:
    return all(re.search(rf"(?<![^\W_]){re.escape(word)}", text, re.IGNORECASE) for word in words)


def _words_of_call(call: Any) -> str:
    """Returns the title, the tool and the arguments, without the marks of JSON."""
    arguments = shown_arguments(call.arguments)
    values = arguments.values() if isinstance(arguments, dict) else [arguments]
    return "\n".join((call.title, call.tool, *map(str, values)))


def _call_passages(words: list[str], ids: list[str]) -> dict[str, tuple[str, tuple[PassagePiece, ...]]]:
    """Returns titles and passages of these calls: of their arguments or, if these lack the words, of their results.

    Which calls match by a result that the person can't see has been decided before.
    """
    passages = dict[str, tuple[str, tuple[PassagePiece, ...]]]()
    for id in ids:
        call = _call(id)
        own_words = _words_of_call(call)
        searched = own_words if _has_all(own_words, words) else f"{own_words}\n{call.text}"
        passages[id] = call.title[:MOST_TITLE_CHARS], passage(searched, words)
        queue_for_turn()
    return passages


def _texts(start: str) -> TextClause:
    return text(TEXTS.format(start)).bindparams(bindparam("ids", expanding=True))


CHATS = f"SELECT c.id, c.title, c.changed_at AS at, {SHARER} FROM chats c WHERE {SEEN}"
ALL_CHATS = f"{CHATS} ORDER BY c.changed_at DESC LIMIT :limit"
# CROSS JOIN fixes the join order: otherwise SQLite scans the chats by date and queries the full-text index for each. Messages
# are sorted by descending rowid, so that SQLite reads the index from its end and stops at the limit.
SQLITE = Statements(
    query=lambda words: " AND ".join(f'"{word}"' for word in words) + "*",
    titles=lambda words: " AND ".join(f'"{word}"*' for word in words),
    messages=f"""
        SELECT {SHOWN}, bm25(messages_search) AS rank FROM messages_search
        CROSS JOIN messages m ON m.rowid = messages_search.rowid CROSS JOIN chats c ON c.id = m.chat_id
        WHERE messages_search MATCH :query AND m.deleted_at IS NULL AND {SEEN}
        ORDER BY messages_search.rowid DESC LIMIT {MOST_RANKED}
    """,
    newest=f"""
        SELECT {SHOWN} FROM (
            SELECT rowid FROM messages_search WHERE messages_search MATCH :query ORDER BY rowid DESC LIMIT {MOST_NEWEST}) AS f
        CROSS JOIN messages m ON m.rowid = f.rowid CROSS JOIN chats c ON c.id = m.chat_id
        WHERE m.deleted_at IS NULL AND {SEEN} ORDER BY f.rowid DESC LIMIT :limit
    """,
    calls=f"""
        SELECT {SHOWN_CALL}, bm25(calls_search) AS rank FROM calls_search
        CROSS JOIN calls k ON k.rowid = calls_search.rowid CROSS JOIN messages m ON m.id = k.message_id
        CROSS JOIN chats c ON c.id = m.chat_id
        WHERE calls_search MATCH :query AND m.deleted_at IS NULL AND {SEEN}
        ORDER BY calls_search.rowid DESC LIMIT {MOST_RANKED}
    """,
    newest_calls=f"""
        SELECT {SHOWN_CALL} FROM (
            SELECT rowid FROM calls_search WHERE calls_search MATCH :query ORDER BY rowid DESC LIMIT {MOST_NEWEST}) AS f
        CROSS JOIN calls k ON k.rowid = f.rowid CROSS JOIN messages m ON m.id = k.message_id
        CROSS JOIN chats c ON c.id = m.chat_id
        WHERE m.deleted_at IS NULL AND {SEEN} ORDER BY f.rowid DESC LIMIT :limit
    """,
    chats=f"""
        SELECT c.id, c.title, c.changed_at AS at, {SHARER} FROM chats_search
        CROSS JOIN chats c ON c.rowid = chats_search.rowid
        WHERE chats_search MATCH :query AND {SEEN} ORDER BY c.changed_at DESC LIMIT :limit
    """,
    texts=_texts("max(0, instr(lower(content), :first) - 1000)"),
)
POSTGRESQL = Statements(
    query=lambda words: " & ".join(f"'{word}'" for word in words) + ":*",
    titles=lambda words: " & ".join(f"'{word}':*" for word in words),
    messages=f"""
        SELECT {SHOWN}, -ts_rank_cd({RANKED}, to_tsquery('english', :query)) AS rank
        FROM messages m JOIN chats c ON c.id = m.chat_id
        WHERE {CONTENT} @@ to_tsquery('english', :query) AND m.deleted_at IS NULL AND {SEEN}
        ORDER BY m.id DESC LIMIT {MOST_RANKED}
    """,
    newest=f"""
        SELECT {SHOWN} FROM (
            SELECT m.id FROM messages m WHERE {CONTENT} @@ to_tsquery('english', :query)
            ORDER BY m.id DESC LIMIT {MOST_NEWEST}) AS f
        JOIN messages m ON m.id = f.id JOIN chats c ON c.id = m.chat_id
        WHERE m.deleted_at IS NULL AND {SEEN} ORDER BY m.id DESC LIMIT :limit
    """,
    calls=f"""
        SELECT {SHOWN_CALL}, -ts_rank_cd({RANKED_CALL}, to_tsquery('english', :query)) AS rank
        FROM calls k JOIN messages m ON m.id = k.message_id JOIN chats c ON c.id = m.chat_id
        WHERE {CALL} @@ to_tsquery('english', :query) AND m.deleted_at IS NULL AND {SEEN}
        ORDER BY k.id DESC LIMIT {MOST_RANKED}
    """,
    newest_calls=f"""
        SELECT {SHOWN_CALL} FROM (
            SELECT k.id FROM calls k WHERE {CALL} @@ to_tsquery('english', :query)
            ORDER BY k.id DESC LIMIT {MOST_NEWEST}) AS f
        JOIN calls k ON k.id = f.id JOIN messages m ON m.id = k.message_id JOIN chats c ON c.id = m.chat_id
        WHERE m.deleted_at IS NULL AND {SEEN} ORDER BY k.id DESC LIMIT :limit
    """,
    chats=f"""
        SELECT c.id, c.title, c.changed_at AS at, {SHARER} FROM chats c
        WHERE {TITLE} @@ to_tsquery('english', :query) AND {SEEN} ORDER BY c.changed_at DESC LIMIT :limit
    """,
    # The index covers only the first characters of a text.
    texts=_texts("0"),
)
