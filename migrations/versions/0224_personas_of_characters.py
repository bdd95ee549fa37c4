"""Add a person's persona for a character, how wide text is for them, and whether pages follow an answer.

Revision: 0224, after 0191
"""

import sqlalchemy as sa
from alembic import op

revision = "0224"
down_revision = "0191"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "character_personas",
        sa.Column("user_id", sa.String(26), sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("character_id", sa.String(26), sa.ForeignKey("characters.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("persona_id", sa.String(26), sa.ForeignKey("personas.id", ondelete="CASCADE"), nullable=False),
    )
    op.create_index("ix_character_personas_character_id", "character_personas", ["character_id"])
    op.create_index("ix_character_personas_persona_id", "character_personas", ["persona_id"])
    op.add_column("users", sa.Column("width", sa.String(10), nullable=False, server_default=""))
    op.add_column("users", sa.Column("scrolling", sa.String(10), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("users", "scrolling")
    op.drop_column("users", "width")
    op.drop_table("character_personas")
