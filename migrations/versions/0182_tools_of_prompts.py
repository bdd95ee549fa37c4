"""Add the tools that prompts name, which are on where they are used.

Revision: 0182, after 0181
"""

import sqlalchemy as sa
from alembic import op

revision = "0182"
down_revision = "0181"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("prompts", sa.Column("tools", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("prompts", "tools")
