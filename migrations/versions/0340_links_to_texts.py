"""Add to links which version of a text beside a chat they show alone.

Revision: 0340
"""

import sqlalchemy as sa
from alembic import op

revision = "0340"
down_revision = "0330"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("links", sa.Column("file_id", sa.String(26), nullable=True))


def downgrade() -> None:
    op.drop_column("links", "file_id")
