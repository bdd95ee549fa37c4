"""Add the backgrounds and expressions of characters, and whether a person sees them in chats.

Revision: 0162, after 0161
"""

import sqlalchemy as sa
from alembic import op

revision = "0162"
down_revision = "0161"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "character_pictures",
        sa.Column("character_id", sa.String(26), sa.ForeignKey("characters.id", ondelete="CASCADE"), nullable=False),
        sa.Column("purpose", sa.String(10), nullable=False),
        sa.Column("name", sa.String(40), nullable=False, server_default=""),
        sa.Column("media_type", sa.String(20), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("id", sa.String(26), primary_key=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_character_pictures_character_id", "character_pictures", ["character_id"])
    op.add_column("users", sa.Column("has_portraits", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("users", sa.Column("has_backgrounds", sa.Boolean(), nullable=False, server_default=sa.true()))


def downgrade() -> None:
    op.drop_column("users", "has_backgrounds")
    op.drop_column("users", "has_portraits")
    op.drop_table("character_pictures")
