"""Add a person's preferred text size and density.

Revision: 0054, after 0053
"""

import sqlalchemy as sa
from alembic import op

revision = "0054"
down_revision = "0053"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("users") as batch:
        batch.add_column(sa.Column("text_size", sa.String(10), nullable=False, server_default=""))
        batch.add_column(sa.Column("density", sa.String(10), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("users") as batch:
        batch.drop_column("density")
        batch.drop_column("text_size")
