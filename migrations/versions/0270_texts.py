"""Add texts beside chats: files of a chat with versions, and the changes that are proposed for them.

Revision: 0270, after 0251
"""

import sqlalchemy as sa
from alembic import op

revision = "0270"
down_revision = "0251"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("chats", sa.Column("has_texts", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("chat_files", sa.Column("text_id", sa.String(26)))
    op.add_column("chat_files", sa.Column("made_by", sa.String(10), nullable=False, server_default=""))
    op.create_index("uq_chat_files_text_id_version", "chat_files", ["text_id", "version"], unique=True)
    op.create_table(
        "text_changes",
        sa.Column("text_id", sa.String(26), nullable=False),
        sa.Column("chat_id", sa.String(26), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("wish", sa.Text(), nullable=False),
        sa.Column("written", sa.Text(), nullable=False, server_default=""),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("note", sa.Text(), nullable=False, server_default=""),
        sa.Column("by_id", sa.String(26)),
        sa.Column("generation_id", sa.String(26)),
        sa.ForeignKeyConstraint(["chat_id"], ["chats.id"], name="fk_text_changes_chat_id_chats", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["by_id"], ["users.id"], name="fk_text_changes_by_id_users", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["generation_id"], ["generations.id"], name="fk_text_changes_generation_id_generations", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("text_id", name="pk_text_changes"),
    )
    op.create_index("ix_text_changes_chat_id", "text_changes", ["chat_id"])
    op.create_index("ix_text_changes_by_id", "text_changes", ["by_id"])
    op.create_index("ix_text_changes_generation_id", "text_changes", ["generation_id"])


def downgrade() -> None:
    op.drop_table("text_changes")
    op.drop_index("uq_chat_files_text_id_version", "chat_files")
    op.drop_column("chat_files", "made_by")
    op.drop_column("chat_files", "text_id")
    op.drop_column("chats", "has_texts")
