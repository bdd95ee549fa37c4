"""Create people, chats, generations and settings.

Revision: 0001, the first
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

WHILE_ACTIVE = sa.text("status IN ('queued', 'running')")


def upgrade() -> None:
    create_people()
    create_settings()
    create_chats()
    create_generations()


def downgrade() -> None:
    with op.batch_alter_table("chats") as chats:
        chats.drop_constraint("fk_chats_head_id_messages", type_="foreignkey")
    for table in (
        "generation_journal",
        "generations",
        "messages",
        "chats",
        "application_settings",
        "invites",
        "user_sessions",
        "users",
    ):
        op.drop_table(table)


def create_people() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("role", sa.String(10), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        moment("created_at", nullable=False),
        moment("disabled_at"),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("email", name="uq_users_email"),
    )
    op.create_table(
        "user_sessions",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("user_id", sa.String(26), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("agent", sa.String(200), nullable=False),
        moment("created_at", nullable=False),
        moment("seen_at", nullable=False),
        moment("expires_at", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_user_sessions"),
        sa.UniqueConstraint("token_hash", name="uq_user_sessions_token_hash"),
        refers("user_sessions", "user_id", "users", "CASCADE"),
    )
    op.create_index("ix_user_sessions_user_id", "user_sessions", ["user_id"])
    op.create_table(
        "invites",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("role", sa.String(10), nullable=False),
        moment("created_at", nullable=False),
        moment("expires_at", nullable=False),
        moment("used_at"),
        sa.PrimaryKeyConstraint("id", name="pk_invites"),
        sa.UniqueConstraint("token_hash", name="uq_invites_token_hash"),
    )


def create_settings() -> None:
    op.create_table(
        "application_settings",
        sa.Column("key", sa.String(80), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        moment("changed_at", nullable=False),
        sa.Column("changed_by", sa.String(26), nullable=True),
        sa.PrimaryKeyConstraint("key", name="pk_application_settings"),
        refers("application_settings", "changed_by", "users", "SET NULL"),
    )


def create_chats() -> None:
    """Chats and messages refer to each other, so one foreign key is added after both tables exist."""
    op.create_table(
        "chats",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("owner_id", sa.String(26), nullable=True),
        sa.Column("visitor_hash", sa.String(64), nullable=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("head_id", sa.String(26), nullable=True),
        moment("created_at", nullable=False),
        moment("changed_at", nullable=False),
        moment("deleted_at"),
        sa.PrimaryKeyConstraint("id", name="pk_chats"),
        refers("chats", "owner_id", "users", "CASCADE"),
    )
    op.create_index("ix_chats_owner_id_changed_at", "chats", ["owner_id", "changed_at"])
    op.create_index("ix_chats_visitor_hash", "chats", ["visitor_hash"])
    op.create_table(
        "messages",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("chat_id", sa.String(26), nullable=False),
        sa.Column("parent_id", sa.String(26), nullable=True),
        sa.Column("role", sa.String(10), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("reasoning", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("html_version", sa.Integer(), nullable=False),
        moment("created_at", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_messages"),
        refers("messages", "chat_id", "chats", "CASCADE"),
        refers("messages", "parent_id", "messages", "CASCADE"),
    )
    op.create_index("ix_messages_chat_id", "messages", ["chat_id"])
    op.create_index("ix_messages_parent_id", "messages", ["parent_id"])
    with op.batch_alter_table("chats") as chats:
        chats.create_foreign_key("fk_chats_head_id_messages", "messages", ["head_id"], ["id"], ondelete="SET NULL")


def create_generations() -> None:
    op.create_table(
        "generations",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("lane", sa.String(40), nullable=False),
        sa.Column("message_id", sa.String(26), nullable=True),
        sa.Column("continues_id", sa.String(26), nullable=True),
        sa.Column("user_id", sa.String(26), nullable=True),
        sa.Column("status", sa.String(12), nullable=False),
        sa.Column("reason", sa.String(30), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("when_unwatched", sa.String(12), nullable=False),
        sa.Column("provider", sa.String(40), nullable=False),
        sa.Column("model_asked", sa.String(200), nullable=False),
        sa.Column("model_used", sa.String(200), nullable=False),
        sa.Column("is_demo", sa.Boolean(), nullable=False),
        sa.Column("notices", sa.JSON(), nullable=False),
        sa.Column("text_offset", sa.Integer(), nullable=False),
        sa.Column("input_tokens", sa.Integer(), nullable=True),
        sa.Column("output_tokens", sa.Integer(), nullable=True),
        sa.Column("cost", sa.String(30), nullable=True),
        moment("created_at", nullable=False),
        moment("started_at"),
        moment("first_text_at"),
        moment("ended_at"),
        moment("heartbeat_at", nullable=False),
        sa.Column("owner", sa.String(26), nullable=False),
        moment("stop_requested_at"),
        sa.Column("sent_as", sa.String(64), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_generations"),
        sa.UniqueConstraint("sent_as", name="uq_generations_sent_as"),
        refers("generations", "message_id", "messages", "CASCADE"),
        refers("generations", "continues_id", "generations", "SET NULL"),
        refers("generations", "user_id", "users", "SET NULL"),
    )
    for column in ("message_id", "continues_id", "user_id", "owner"):
        op.create_index(f"ix_generations_{column}", "generations", [column])
    while_active = {"sqlite_where": WHILE_ACTIVE, "postgresql_where": WHILE_ACTIVE}
    op.create_index("uq_generations_active_lane", "generations", ["lane"], unique=True, **while_active)
    op.create_index("ix_generations_active", "generations", ["status"], **while_active)
    op.create_table(
        "generation_journal",
        sa.Column("generation_id", sa.String(26), nullable=False),
        sa.Column("first_seq", sa.Integer(), nullable=False),
        sa.Column("entries", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("generation_id", "first_seq", name="pk_generation_journal"),
        refers("generation_journal", "generation_id", "generations", "CASCADE"),
        # Rows are only appended and read in this order, so on SQLite the table is clustered by its primary key.
        sqlite_with_rowid=False,
    )


def moment(name: str, *, nullable: bool = True) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def refers(table: str, column: str, to: str, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=f"fk_{table}_{column}_{to}", ondelete=ondelete)
