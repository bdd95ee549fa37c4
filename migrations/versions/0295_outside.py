"""Add where outside text in messages and in remembered answers comes from.

Revision: 0295, after 0280
"""

import sqlalchemy as sa
from alembic import op

revision = "0295"
down_revision = "0280"
branch_labels = None
depends_on = None
TABLES = ("messages", "documents")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("outside", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_column(table, "outside")
