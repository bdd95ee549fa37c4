"""Add people's tags, and the chats that have them.

Revision: 0223, after 0190
"""

import sqlalchemy as sa
from alembic import op

revision = "0223"
down_revision = "0190"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tags",
        sa.Column("user_id", sa.String(26), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("id", sa.String(26), primary_key=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("uq_tags_user_id_folded", "tags", ["user_id", "folded"], unique=True)
    op.create_table(
        "tagged_chats",
        sa.Column("tag_id", sa.String(26), sa.ForeignKey("tags.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("chat_id", sa.String(26), sa.ForeignKey("chats.id", ondelete="CASCADE"), primary_key=True),
    )
    op.create_index("ix_tagged_chats_chat_id", "tagged_chats", ["chat_id"])


def downgrade() -> None:
    op.drop_table("tagged_chats")
    op.drop_table("tags")
