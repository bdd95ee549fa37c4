"""Add characters, personas, their pictures, and a chat's character and persona.

On SQLite `chats` is recreated for its foreign keys, so its full-text index is dropped before and created again afterwards.

Revision: 0006, after 0005
"""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

PROMPTS = ("pre_prompt", "system_prompt", "post_prompt")
PLAYED_BY = (("character_id", "characters"), ("persona_id", "personas"))
ONE_DEFAULT = sa.text("is_default")


def upgrade() -> None:
    create_avatars()
    create_characters()
    create_personas()
    with chats_made_anew() as chats:
        for name, table in PLAYED_BY:
            chats.add_column(sa.Column(name, sa.String(26)))
            chats.create_foreign_key(f"fk_chats_{name}_{table}", table, [name], ["id"], ondelete="SET NULL")
        for name in PROMPTS:
            chats.add_column(sa.Column(name, sa.Text(), server_default="", nullable=False))
        chats.add_column(sa.Column("history_limit", sa.Integer()))


def downgrade() -> None:
    for table in ("chats", "generations"):
        op.execute(f"UPDATE {table} SET kind = 'chat' WHERE kind = 'roleplay'")
    with chats_made_anew() as chats:
        for name, table in PLAYED_BY:
            chats.drop_constraint(f"fk_chats_{name}_{table}", type_="foreignkey")
        for name in ("history_limit", *PROMPTS, "persona_id", "character_id"):
            chats.drop_column(name)
    for table in ("personas", "characters", "avatars"):
        op.drop_table(table)


def create_avatars() -> None:
    op.create_table(
        "avatars",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("media_type", sa.String(20), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_avatars"),
    )


def create_characters() -> None:
    texts = ("description", "system_prompt", "post_history_prompt", "greeting")
    op.create_table(
        "characters",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("owner_id", sa.String(26)),
        sa.Column("name", sa.String(120), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in texts),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("card", sa.JSON(), nullable=False),
        sa.Column("avatar_id", sa.String(26)),
        sa.Column("origin", sa.String(120), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_characters_owner_id_users", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["avatar_id"], ["avatars.id"], name="fk_characters_avatar_id_avatars", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_characters"),
    )
    op.create_index("ix_characters_owner_id", "characters", ["owner_id"])
    op.create_index("ix_characters_origin", "characters", ["origin"])


def create_personas() -> None:
    op.create_table(
        "personas",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("user_id", sa.String(26)),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("is_default", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("avatar_id", sa.String(26)),
        sa.Column("origin", sa.String(120), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_personas_user_id_users", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["avatar_id"], ["avatars.id"], name="fk_personas_avatar_id_avatars", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_personas"),
    )
    op.create_index("ix_personas_user_id", "personas", ["user_id"])
    op.create_index("ix_personas_origin", "personas", ["origin"])
    where = {"sqlite_where": ONE_DEFAULT, "postgresql_where": ONE_DEFAULT}
    op.create_index("uq_personas_default", "personas", ["user_id"], unique=True, **where)


@contextmanager
def chats_made_anew() -> Iterator[BatchOperations]:
    """For changes that need the table to be recreated on SQLite."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    if is_sqlite:
        for event in ("insert", "delete", "update"):
            op.execute(f"DROP TRIGGER chats_search_{event}")
        op.execute("DROP TABLE chats_search")
    with op.batch_alter_table("chats") as chats:
        yield chats
    if is_sqlite:
        index_titles()


def index_titles() -> None:
    op.execute(
        "CREATE VIRTUAL TABLE chats_search USING fts5(title, content='chats', content_rowid='rowid',"
        " tokenize='porter unicode61 remove_diacritics 2')"
    )
    forget = "INSERT INTO chats_search(chats_search, rowid, title) VALUES ('delete', old.rowid, old.title);"
    learn = "INSERT INTO chats_search(rowid, title) VALUES (new.rowid, new.title);"
    for event, when, steps in (
        ("insert", "INSERT", learn),
        ("delete", "DELETE", forget),
        ("update", "UPDATE OF title", forget + learn),
    ):
        op.execute(f"CREATE TRIGGER chats_search_{event} AFTER {when} ON chats BEGIN {steps} END")
    op.execute("INSERT INTO chats_search(chats_search) VALUES ('rebuild')")
