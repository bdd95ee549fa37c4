"""The full-text indexes: of messages, titles, calls and passages. On SQLite, triggers keep them up to date.

On SQLite a table that is created again loses its triggers and its row ids: a later migration that does so has to drop the index
first, and create and fill it again afterwards.
"""

from alembic import op

# A longer text does not fit into a PostgreSQL tsvector.
MOST = 200_000
# Of the arguments of a call, and of its result.
MOST_OF_CALLS = 20_000
# PostgreSQL's parser would take words with these characters for tags, addresses or paths. Queries must use the same expressions.
READS = "translate({}, '<>/.@_-=&#:', '           ')"
TOKENS = "tokenize='porter unicode61 remove_diacritics 2'"
# When there are this many segments of one size, they are all merged in the transaction that reaches the number: with FTS5's
# default of sixteen this occasionally rewrites all of a large index, which takes seconds. Below the number, it merges a little
# after every few hundred kilobytes.
MOST_SEGMENTS = 1_999


def create() -> None:
    if op.get_bind().dialect.name == "sqlite":
        create_of("messages", "content")
        create_of("chats", "title")
        create_of_calls()
        create_of_passages()
    else:
        create_index("messages", f"left(content, {MOST})")
        create_index("chats", f"left(title, {MOST})")
        create_index(
            "calls", f"title || ' ' || tool || ' ' || left(arguments, {MOST_OF_CALLS}) || ' ' || left(text, {MOST_OF_CALLS})"
        )


def drop() -> None:
    """Drops what does not go with the tables."""
    if op.get_bind().dialect.name == "sqlite":
        for table in ("messages", "chats", "calls", "passages"):
            op.execute(f"DROP TABLE {table}_search")


def create_index(table: str, words: str) -> None:
    op.execute(f"CREATE INDEX ix_{table}_search ON {table} USING gin (to_tsvector('english', {READS.format(words)}))")


def create_of(table: str, column: str) -> None:
    create_virtual(table, f"{column}, content='{table}', content_rowid='rowid'")
    create_triggers(table, column, f"old.{column}", f"new.{column}", changes=column)


def create_of_calls() -> None:
    """Creates an index that has no copy of its words."""
    create_virtual("calls", "words, content=''")
    create_triggers("calls", "words", words_of_call("old"), words_of_call("new"), changes="title, tool, arguments, text")


def words_of_call(row: str) -> str:
    texts = f"substr({row}.arguments, 1, {MOST_OF_CALLS}) || ' ' || substr({row}.text, 1, {MOST_OF_CALLS})"
    return f"{row}.title || ' ' || {row}.tool || ' ' || {texts}"


def create_of_passages() -> None:
    """Creates an index that the application fills, as its words are not those of the column."""
    create_virtual("passages", "head, body")
    op.execute(
        "CREATE TRIGGER passages_search_delete AFTER DELETE ON passages"
        " BEGIN DELETE FROM passages_search WHERE rowid = old.row; END"
    )


def create_virtual(table: str, options: str) -> None:
    op.execute(f"CREATE VIRTUAL TABLE {table}_search USING fts5({options}, {TOKENS})")
    op.execute(f"INSERT INTO {table}_search({table}_search, rank) VALUES ('crisismerge', {MOST_SEGMENTS})")


def create_triggers(table: str, column: str, old: str, new: str, *, changes: str) -> None:
    forget = f"INSERT INTO {table}_search({table}_search, rowid, {column}) VALUES ('delete', old.rowid, {old});"
    learn = f"INSERT INTO {table}_search(rowid, {column}) VALUES (new.rowid, {new});"
    for event, when, steps in (
        ("insert", "INSERT", learn),
        ("delete", "DELETE", forget),
        ("update", f"UPDATE OF {changes}", forget + learn),
    ):
        op.execute(f"CREATE TRIGGER {table}_search_{event} AFTER {when} ON {table} BEGIN {steps} END")
