"""Add people's lorebooks, and those that a chat uses.

Revision: 0125, after 0124
"""

import sqlalchemy as sa
from alembic import op

revision = "0125"
down_revision = "0124"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lorebooks",
        sa.Column("owner_id", sa.String(26), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("is_always", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("entry_count", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("book", sa.JSON(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.Column("id", sa.String(26), primary_key=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_lorebooks_owner_id", "lorebooks", ["owner_id"])
    op.create_index("ix_lorebooks_deleted_at", "lorebooks", ["deleted_at"])
    op.add_column("chats", sa.Column("lorebook_ids", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("chats", "lorebook_ids")
    op.drop_table("lorebooks")
