"""Store how many models of each connection are left out, as the total of all lists is limited.

Revision: 0124, after 0123
"""

import sqlalchemy as sa
from alembic import op

revision = "0124"
down_revision = "0123"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("connections", sa.Column("left_out", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("connections", "left_out")
