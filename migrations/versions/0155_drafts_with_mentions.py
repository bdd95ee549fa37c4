"""Keep what a draft names besides its text.

Revision: 0155, after 0154
"""

import sqlalchemy as sa
from alembic import op

revision = "0155"
down_revision = "0154"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("drafts", sa.Column("mentions", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("drafts", "mentions")
