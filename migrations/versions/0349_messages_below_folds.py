"""Add to folds how many messages stayed below them, so that none is for a branch that ends sooner.

Revision: 0349
"""

import sqlalchemy as sa
from alembic import op

revision = "0349"
down_revision = "0348"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("stories", sa.Column("stayed", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("stories", "stayed")
