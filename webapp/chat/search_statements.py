"""How each database is asked for words: FTS5 with the porter stemmer, or tsvector with the English one. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import TextClause, bindparam, text

# What the indexes of the migration read of a text, said in the same words so that they are used: as much as fits into
# one, and no signs by which PostgreSQL would take words for a tag, an address or a path.
READS = "translate(left({}, 200000), '<>/.@_-=&#:', '           ')"
CONTENT, TITLE = (f"to_tsvector('english', {READS.format(column)})" for column in ("m.content", "c.title"))
# Ranking reads every text again, or at least its length, so only so many of the newest are ranked.
MOST_RANKED = 300
# Also what was given to the person or to a group of theirs, though not what merely has a link for the team.
GIVEN = """SELECT object_id FROM grants WHERE object_kind = 'chat' AND (user_id = :owner
    OR group_id IN (SELECT group_id FROM memberships WHERE user_id = :owner))"""
SEEN = f"(c.owner_id = :owner OR c.id IN ({GIVEN})) AND c.deleted_at IS NULL AND NOT c.is_temporary"
SHOWN = "m.id, m.chat_id, m.role, m.created_at AS at, c.title, c.owner_id"
SHARER = "(SELECT coalesce(nullif(u.name, ''), u.email) FROM users u WHERE u.id = owner_id AND u.id <> :owner) AS sharer"


@dataclass(frozen=True, slots=True)
class Statements:
    """`query` makes what the database asks for out of words, none of which can be anything but a word.

    `passages` gives a part of a text with marks or, beside the whole text, one of the same length that has them.
    """

    query: Callable[[Sequence[str]], str]
    messages: TextClause
    chats: TextClause
    passages: TextClause


def _fts5(words: Sequence[str]) -> str:
    return " AND ".join(f'"{word}"' for word in words) + "*"


def _tsquery(words: Sequence[str]) -> str:
    return " & ".join(f"'{word}'" for word in words) + ":*"


# To find the best passage of a very long text takes seconds where the word is common: there it is the first, without marks.
# Crossed: else the chats are gone through by their date, and the index is asked about each. And messages newest first: so
# their index is read from its end, and no further than is needed.
SQLITE = Statements(
    _fts5,
    messages=text(f"""
        SELECT id, chat_id, role, at, title, {SHARER} FROM (
            SELECT {SHOWN}, bm25(messages_search) AS rank FROM messages_search
            CROSS JOIN messages m ON m.rowid = messages_search.rowid CROSS JOIN chats c ON c.id = m.chat_id
            WHERE messages_search MATCH :query AND m.deleted_at IS NULL AND {SEEN}
            ORDER BY messages_search.rowid DESC LIMIT {MOST_RANKED}) AS newest
        ORDER BY rank, id DESC LIMIT :limit OFFSET :skip
    """),
    chats=text(f"""
        SELECT c.id, c.title, c.changed_at AS at, {SHARER} FROM chats_search
        CROSS JOIN chats c ON c.rowid = chats_search.rowid
        WHERE chats_search MATCH :query AND {SEEN} ORDER BY c.changed_at DESC LIMIT :limit
    """),
    passages=text("""
        SELECT m.id, CASE WHEN length(m.content) <= 200000 THEN snippet(messages_search, 0, :opens, :closes, '…', 32)
            ELSE '…' || substr(m.content, max(1, instr(lower(m.content), :first) - 100), 300) || '…' END, NULL
        FROM messages_search
        CROSS JOIN messages m ON m.rowid = messages_search.rowid
        WHERE messages_search MATCH :query AND m.id IN :ids
        ORDER BY messages_search.rowid DESC LIMIT (SELECT count(*) FROM messages WHERE id IN :ids)
    """).bindparams(bindparam("ids", expanding=True)),
)
POSTGRESQL = Statements(
    _tsquery,
    messages=text(f"""
        SELECT id, chat_id, role, at, title, {SHARER} FROM (
            SELECT {SHOWN}, {CONTENT} AS words FROM messages m JOIN chats c ON c.id = m.chat_id
            WHERE {CONTENT} @@ to_tsquery('english', :query) AND m.deleted_at IS NULL AND {SEEN}
            ORDER BY m.id DESC LIMIT {MOST_RANKED}) AS newest
        ORDER BY ts_rank_cd(words, to_tsquery('english', :query)) DESC, id DESC LIMIT :limit OFFSET :skip
    """),
    chats=text(f"""
        SELECT c.id, c.title, c.changed_at AS at, {SHARER} FROM chats c
        WHERE {TITLE} @@ to_tsquery('english', :query) AND {SEEN} ORDER BY c.changed_at DESC LIMIT :limit
    """),
    passages=text(f"""
        SELECT m.id, ts_headline('english', {READS.format("m.content")}, to_tsquery('english', :query),
            'HighlightAll=true, StartSel=' || :opens || ', StopSel=' || :closes), left(m.content, 200000)
        FROM messages m WHERE m.id IN :ids
    """).bindparams(bindparam("ids", expanding=True)),
)
