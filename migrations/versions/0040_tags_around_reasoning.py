"""Add each connection's handling of reasoning tags.

Revision: 0040, after 0032
"""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("connections") as batch:
        batch.add_column(sa.Column("reasoning_tags", sa.String(10), nullable=False, server_default="auto"))


def downgrade() -> None:
    with op.batch_alter_table("connections") as batch:
        batch.drop_column("reasoning_tags")
