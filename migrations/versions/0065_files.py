"""Add files that people send, and the chats that contain each.

Revision: 0065, after 0059
"""

import sqlalchemy as sa
from alembic import op

revision = "0065"
down_revision = "0059"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "files",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("owner_id", sa.String(26), nullable=True),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("media_type", sa.String(40), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("is_sent", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.PrimaryKeyConstraint("id", name="pk_files"),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_files_owner_id_users", ondelete="SET NULL"),
    )
    op.create_index("ix_files_owner_id", "files", ["owner_id"])
    op.create_index("ix_files_hash", "files", ["hash"])
    few = {"sqlite_where": sa.text("is_sent = 0"), "postgresql_where": sa.text("NOT is_sent")}
    op.create_index("ix_files_unsent", "files", ["created_at"], **few)
    op.create_table(
        "chat_files",
        sa.Column("chat_id", sa.String(26), nullable=False),
        sa.Column("file_id", sa.String(26), nullable=False),
        sa.PrimaryKeyConstraint("chat_id", "file_id", name="pk_chat_files"),
        sa.ForeignKeyConstraint(["chat_id"], ["chats.id"], name="fk_chat_files_chat_id_chats", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name="fk_chat_files_file_id_files", ondelete="CASCADE"),
    )
    op.create_index("ix_chat_files_file_id", "chat_files", ["file_id"])


def downgrade() -> None:
    op.drop_table("chat_files")
    op.drop_table("files")
