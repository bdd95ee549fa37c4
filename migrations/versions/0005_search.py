"""Add the search: an index of the words of every message and title, kept by the database itself.

On SQLite a table that is made anew loses its triggers and its row numbers: a later migration that does so to `messages`
or `chats` has to drop the index before, and make and fill it again afterwards, as it is done here.

Revision: 0005, after 0004
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# The words of which column of which table; the index has the name of the table and an end.
INDEXED = (("messages", "content"), ("chats", "title"))
# A longer text does not fit into PostgreSQL's kind of index, and by these signs it would take words for a tag, an address
# or a path. What is asked must say the same.
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
