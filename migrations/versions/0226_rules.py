"""Add which rule chose a generation's model.

Revision: 0226, after 0201
"""

import sqlalchemy as sa
from alembic import op

revision = "0226"
down_revision = "0201"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("generations", sa.Column("rule", sa.String(1_000), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("generations", "rule")
