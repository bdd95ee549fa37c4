"""Add a message's author, and unique origins, so that nothing is imported twice.

On SQLite `messages` is recreated for its foreign key, so its full-text index is dropped before and created again afterwards.

Revision: 0008, after 0007
"""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

AUTHOR = "fk_messages_author_id_users"
# An origin is unique among its owner's chats, or within its chat.
NAMED = sa.text("origin <> ''")
WITHIN = (("chats", "owner_id"), ("messages", "chat_id"))


def upgrade() -> None:
    with messages_made_anew() as messages:
        messages.add_column(sa.Column("author_id", sa.String(26)))
        messages.add_column(sa.Column("author_name", sa.String(120), server_default="", nullable=False))
        messages.create_foreign_key(AUTHOR, "users", ["author_id"], ["id"], ondelete="SET NULL")
    for table, place in WITHIN:
        forget_doubles(table, place)
        where = {"sqlite_where": NAMED, "postgresql_where": NAMED}
        op.create_index(f"uq_{table}_{place}_origin", table, [place, "origin"], unique=True, **where)


def downgrade() -> None:
    for table, place in WITHIN:
        op.drop_index(f"uq_{table}_{place}_origin", table_name=table)
    with messages_made_anew() as messages:
        messages.drop_constraint(AUTHOR, type_="foreignkey")
        messages.drop_column("author_name")
        messages.drop_column("author_id")


def forget_doubles(table: str, place: str) -> None:
    """Of two rows with the same origin the first one keeps it; no row is deleted."""
    first = f"SELECT MIN(id) FROM {table} WHERE origin <> '' GROUP BY {place}, origin"
    op.execute(f"UPDATE {table} SET origin = '' WHERE origin <> '' AND {place} IS NOT NULL AND id NOT IN ({first})")


@contextmanager
def messages_made_anew() -> Iterator[BatchOperations]:
    """For changes that need the table to be recreated on SQLite."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    if is_sqlite:
        for event in ("insert", "delete", "update"):
            op.execute(f"DROP TRIGGER messages_search_{event}")
        op.execute("DROP TABLE messages_search")
    with op.batch_alter_table("messages") as messages:
        yield messages
    if is_sqlite:
        index_words()


def index_words() -> None:
    op.execute(
        "CREATE VIRTUAL TABLE messages_search USING fts5(content, content='messages', content_rowid='rowid',"
        " tokenize='porter unicode61 remove_diacritics 2')"
    )
    forget = "INSERT INTO messages_search(messages_search, rowid, content) VALUES ('delete', old.rowid, old.content);"
    learn = "INSERT INTO messages_search(rowid, content) VALUES (new.rowid, new.content);"
    for event, when, steps in (
        ("insert", "INSERT", learn),
        ("delete", "DELETE", forget),
        ("update", "UPDATE OF content", forget + learn),
    ):
        op.execute(f"CREATE TRIGGER messages_search_{event} AFTER {when} ON messages BEGIN {steps} END")
    op.execute("INSERT INTO messages_search(messages_search) VALUES ('rebuild')")
