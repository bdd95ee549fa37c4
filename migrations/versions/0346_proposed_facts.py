"""Add to people how facts are proposed to them, and to answers how many they have proposed.

Revision: 0346
"""

import sqlalchemy as sa
from alembic import op

revision = "0346"
down_revision = "0345"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("facts", sa.String(10), nullable=False, server_default="ask"))
    op.add_column("messages", sa.Column("proposal_count", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("messages", "proposal_count")
    op.drop_column("users", "facts")
