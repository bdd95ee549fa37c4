"""Search and count the calls of answers: an index of their words, which database triggers keep up to date, and one by time.

On SQLite the index has no copy of the words, so a later migration that recreates `calls` has to drop it first, and create and
fill it again afterwards. The table of calls came with the same release, so few rows are there to be indexed.

Revision: 0180, after 0179
"""

from alembic import op

revision = "0180"
down_revision = "0179"
branch_labels = None
depends_on = None

# How much of the arguments, and as much of a result, is indexed. Queries must use the same expressions.
MOST = 20_000
# Without the characters by which PostgreSQL's parser would take words for a tag, an address or a path.
READS = "translate({}, '<>/.@_-=&#:', '           ')"
WORDS = f"title || ' ' || tool || ' ' || left(arguments, {MOST}) || ' ' || left(text, {MOST})"


def upgrade() -> None:
    op.create_index("ix_calls_asked_at", "calls", ["asked_at", "tool", "state", "started_at", "ended_at", "generation_id"])
    if not is_sqlite():
        op.execute(f"CREATE INDEX ix_calls_search ON calls USING gin (to_tsvector('english', {READS.format(WORDS)}))")
        return
    op.execute(
        "CREATE VIRTUAL TABLE calls_search USING fts5(words, content='', tokenize='porter unicode61 remove_diacritics 2')"
    )
    # As for the other indexes: a large one is merged a little at a time.
    op.execute("INSERT INTO calls_search(calls_search, rank) VALUES ('crisismerge', 1999)")
    forget = f"INSERT INTO calls_search(calls_search, rowid, words) VALUES ('delete', old.rowid, {words_of('old')});"
    learn = f"INSERT INTO calls_search(rowid, words) VALUES (new.rowid, {words_of('new')});"
    for event, when, steps in (
        ("insert", "INSERT", learn),
        ("delete", "DELETE", forget),
        ("update", "UPDATE OF title, tool, arguments, text", forget + learn),
    ):
        op.execute(f"CREATE TRIGGER calls_search_{event} AFTER {when} ON calls BEGIN {steps} END")
    op.execute(f"INSERT INTO calls_search(rowid, words) SELECT rowid, {words_of('calls')} FROM calls")


def downgrade() -> None:
    op.drop_index("ix_calls_asked_at", table_name="calls")
    if is_sqlite():
        for event in ("insert", "delete", "update"):
            op.execute(f"DROP TRIGGER calls_search_{event}")
        op.execute("DROP TABLE calls_search")
    else:
        op.execute("DROP INDEX ix_calls_search")


def words_of(row: str) -> str:
    both = f"substr({row}.arguments, 1, {MOST}) || ' ' || substr({row}.text, 1, {MOST})"
    return f"{row}.title || ' ' || {row}.tool || ' ' || {both}"


def is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"
