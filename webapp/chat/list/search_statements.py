"""Search statements for each database: FTS5 with the porter stemmer, or tsvector with the English one. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import TextClause, bindparam, text

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
# Includes chats shared with the person or with a group of theirs, but not those shared with the whole team by link.
GIVEN = """SELECT object_id FROM grants WHERE object_kind = 'chat' AND (user_id = :owner
    OR group_id IN (SELECT group_id FROM memberships WHERE user_id = :owner))"""
SEEN = f"(c.owner_id = :owner OR c.id IN ({GIVEN})) AND c.deleted_at IS NULL AND NOT c.is_temporary"
SHARER = "(SELECT coalesce(nullif(u.name, ''), u.email) FROM users u WHERE u.id = c.owner_id AND u.id <> :owner) AS sharer"
SHOWN = f"m.id, m.chat_id, m.parent_id, m.role, m.created_at AS at, c.title, {SHARER}"
# The part of a text that is searched for the passage: its beginning or, of a longer text, the part that begins before the first
# word.
TEXTS = """SELECT id, start, substr(content, start + 1, 200000) AS content FROM (
    SELECT id, content, CASE WHEN length(content) <= 200000 THEN 0 ELSE {} END AS start FROM messages WHERE id IN :ids) AS m"""


@dataclass(frozen=True, slots=True)
class Statements:
    """The search statements of one database; `query` builds its match expression from words, which need no escaping.

    `messages` selects the newest matches, with the lowest rank for the best; `texts` selects the texts to cut passages from.
    `titles` builds a match expression in which every word is a prefix; `newest` selects a few matching messages, newest first.
    """

    query: Callable[[Sequence[str]], str]
    titles: Callable[[Sequence[str]], str]
    messages: TextClause
    newest: TextClause
    chats: TextClause
    texts: TextClause


def _fts5(words: Sequence[str]) -> str:
    return " AND ".join(f'"{word}"' for word in words) + "*"


def _tsquery(words: Sequence[str]) -> str:
    return " & ".join(f"'{word}'" for word in words) + ":*"


def _fts5_titles(words: Sequence[str]) -> str:
    return " AND ".join(f'"{word}"*' for word in words)


def _tsquery_titles(words: Sequence[str]) -> str:
    return " & ".join(f"'{word}':*" for word in words)


def _texts(start: str) -> TextClause:
    return text(TEXTS.format(start)).bindparams(bindparam("ids", expanding=True))


# CROSS JOIN fixes the join order: otherwise SQLite scans the chats by date and queries the full-text index for each. Messages
# are sorted by descending rowid, so that SQLite reads the index from its end and stops at the limit.
SQLITE = Statements(
    _fts5,
    _fts5_titles,
    messages=text(f"""
        SELECT {SHOWN}, bm25(messages_search) AS rank FROM messages_search
        CROSS JOIN messages m ON m.rowid = messages_search.rowid CROSS JOIN chats c ON c.id = m.chat_id
        WHERE messages_search MATCH :query AND m.deleted_at IS NULL AND {SEEN}
        ORDER BY messages_search.rowid DESC LIMIT {MOST_RANKED}
    """),
    newest=text(f"""
        SELECT {SHOWN} FROM (
            SELECT rowid FROM messages_search WHERE messages_search MATCH :query ORDER BY rowid DESC LIMIT {MOST_NEWEST}) AS f
        CROSS JOIN messages m ON m.rowid = f.rowid CROSS JOIN chats c ON c.id = m.chat_id
        WHERE m.deleted_at IS NULL AND {SEEN} ORDER BY f.rowid DESC LIMIT :limit
    """),
    chats=text(f"""
        SELECT c.id, c.title, c.changed_at AS at, {SHARER} FROM chats_search
        CROSS JOIN chats c ON c.rowid = chats_search.rowid
        WHERE chats_search MATCH :query AND {SEEN} ORDER BY c.changed_at DESC LIMIT :limit
    """),
    texts=_texts("max(0, instr(lower(content), :first) - 1000)"),
)
POSTGRESQL = Statements(
    _tsquery,
    _tsquery_titles,
    messages=text(f"""
        SELECT {SHOWN}, -ts_rank_cd({RANKED}, to_tsquery('english', :query)) AS rank
        FROM messages m JOIN chats c ON c.id = m.chat_id
        WHERE {CONTENT} @@ to_tsquery('english', :query) AND m.deleted_at IS NULL AND {SEEN}
        ORDER BY m.id DESC LIMIT {MOST_RANKED}
    """),
    newest=text(f"""
        SELECT {SHOWN} FROM (
            SELECT m.id FROM messages m WHERE {CONTENT} @@ to_tsquery('english', :query)
            ORDER BY m.id DESC LIMIT {MOST_NEWEST}) AS f
        JOIN messages m ON m.id = f.id JOIN chats c ON c.id = m.chat_id
        WHERE m.deleted_at IS NULL AND {SEEN} ORDER BY m.id DESC LIMIT :limit
    """),
    chats=text(f"""
        SELECT c.id, c.title, c.changed_at AS at, {SHARER} FROM chats c
        WHERE {TITLE} @@ to_tsquery('english', :query) AND {SEEN} ORDER BY c.changed_at DESC LIMIT :limit
    """),
    # The index covers only the first characters of a text.
    texts=_texts("0"),
)
