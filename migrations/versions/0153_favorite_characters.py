"""Add people's favorite characters.

Revision: 0153, after 0150
"""

import sqlalchemy as sa
from alembic import op

revision = "0153"
down_revision = "0150"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "favorite_characters",
        sa.Column("user_id", sa.String(26), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("character_id", sa.String(26), sa.ForeignKey("characters.id", ondelete="CASCADE"), nullable=False),
        sa.Column("id", sa.String(26), primary_key=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("uq_favorite_characters", "favorite_characters", ["user_id", "character_id"], unique=True)
    op.create_index("ix_favorite_characters_character_id", "favorite_characters", ["character_id"])


def downgrade() -> None:
    op.drop_table("favorite_characters")
