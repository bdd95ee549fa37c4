"""Add what the file of an imported chat says beyond our fields.

Revision: 0140, after 0139
"""

import sqlalchemy as sa
from alembic import op

revision = "0140"
down_revision = "0139"
branch_labels = None
depends_on = None
TABLES = ("chats", "messages")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("foreign_fields", sa.JSON()))


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "foreign_fields")
