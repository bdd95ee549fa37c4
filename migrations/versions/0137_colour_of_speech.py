"""Add whether a person sees quoted speech in its own color.

Revision: 0137, after 0136
"""

import sqlalchemy as sa
from alembic import op

revision = "0137"
down_revision = "0136"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("speech", sa.String(10), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("users", "speech")
