"""Add everyday features of chats: pins, trash, drafts, follow-ups, thumbs, instructions.

Revision: 0003, after 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

COLUMNS = (
    ("chats", lambda: sa.Column("title_is_own", sa.Boolean(), server_default=sa.false(), nullable=False)),
    ("chats", lambda: sa.Column("pinned_at", sa.DateTime(timezone=True))),
    ("chats", lambda: sa.Column("archived_at", sa.DateTime(timezone=True))),
    ("chats", lambda: sa.Column("follow_up", sa.Text(), server_default="", nullable=False)),
    ("chats", lambda: sa.Column("is_temporary", sa.Boolean(), server_default=sa.false(), nullable=False)),
    ("messages", lambda: sa.Column("deleted_at", sa.DateTime(timezone=True))),
    ("users", lambda: sa.Column("instructions", sa.Text(), server_default="", nullable=False)),
    ("generations", lambda: sa.Column("prompt", sa.JSON(), server_default="{}", nullable=False)),
)


def upgrade() -> None:
    for table, column in COLUMNS:
        op.add_column(table, column())
    op.create_table(
        "drafts",
        sa.Column("user_id", sa.String(26), nullable=False),
        sa.Column("chat_id", sa.String(26), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_drafts_user_id_users", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "chat_id", name="pk_drafts"),
    )
    op.create_table(
        "feedback",
        sa.Column("message_id", sa.String(26), nullable=False),
        sa.Column("user_id", sa.String(26), nullable=False),
        sa.Column("is_good", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name="fk_feedback_message_id_messages", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_feedback_user_id_users", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("message_id", "user_id", name="pk_feedback"),
    )


def downgrade() -> None:
    op.drop_table("feedback")
    op.drop_table("drafts")
    for table, column in reversed(COLUMNS):
        with op.batch_alter_table(table) as batch:
            batch.drop_column(column().name)
