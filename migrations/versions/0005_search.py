"""Add full-text search: an index of every message and title, which database triggers keep up to date.

On SQLite a table that is recreated loses its triggers and its row ids: a later migration that recreates `messages` or `chats`
has to drop the index first, and create and fill it again afterwards, as this one does.

Revision: 0005, after 0004
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Which column of which table is indexed; the index is named after the table, with a suffix.
INDEXED = (("messages", "content"), ("chats", "title"))
# A longer text does not fit into a PostgreSQL tsvector, whose parser would also read words with these characters as tags,
# addresses or paths. Queries must use the same expression.
READS = "translate(left({}, 200000), '<>/.@_-=&#:', '           ')"


def upgrade() -> None:
    for table, column in INDEXED:
        index_words(table, column)


def downgrade() -> None:
    for table, _column in INDEXED:
        if is_sqlite():
            for event in ("insert", "delete", "update"):
                op.execute(f"DROP TRIGGER {table}_search_{event}")
            op.execute(f"DROP TABLE {table}_search")
        else:
            op.execute(f"DROP INDEX ix_{table}_search")


def index_words(table: str, column: str) -> None:
    if not is_sqlite():
        op.execute(f"CREATE INDEX ix_{table}_search ON {table} USING gin (to_tsvector('english', {READS.format(column)}))")
        return
    op.execute(
        f"CREATE VIRTUAL TABLE {table}_search USING fts5({column}, content='{table}', content_rowid='rowid',"
        " tokenize='porter unicode61 remove_diacritics 2')"
    )
    forget = f"INSERT INTO {table}_search({table}_search, rowid, {column}) VALUES ('delete', old.rowid, old.{column});"
    learn = f"INSERT INTO {table}_search(rowid, {column}) VALUES (new.rowid, new.{column});"
    for event, when, steps in (
        ("insert", "INSERT", learn),
        ("delete", "DELETE", forget),
        ("update", f"UPDATE OF {column}", forget + learn),
    ):
        op.execute(f"CREATE TRIGGER {table}_search_{event} AFTER {when} ON {table} BEGIN {steps} END")
    op.execute(f"INSERT INTO {table}_search({table}_search) VALUES ('rebuild')")


def is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"
