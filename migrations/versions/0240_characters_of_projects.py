"""Add the characters of projects.

Revision: 0240, after 0243
"""

import sqlalchemy as sa
from alembic import op

revision = "0240"
down_revision = "0243"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("projects", sa.Column("character_ids", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("projects", "character_ids")
