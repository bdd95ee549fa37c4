"""Add to links which page, drawing or table of an answer they show alone.

Revision: 0330
"""

import sqlalchemy as sa
from alembic import op

revision = "0330"
down_revision = "0325"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("links", sa.Column("block", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("links", "block")
