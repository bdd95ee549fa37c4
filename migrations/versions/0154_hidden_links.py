"""Add the links of the sidebar that a person hides.

Revision: 0154, after 0153
"""

import sqlalchemy as sa
from alembic import op

revision = "0154"
down_revision = "0153"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("hidden_links", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("users", "hidden_links")
