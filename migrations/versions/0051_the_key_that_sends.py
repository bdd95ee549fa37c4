"""Add a person's preference for the key that sends a message.

Revision: 0051, after 0050
"""

import sqlalchemy as sa
from alembic import op

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("users") as batch:
        batch.add_column(sa.Column("send_key", sa.String(10), nullable=False, server_default="enter"))


def downgrade() -> None:
    with op.batch_alter_table("users") as batch:
        batch.drop_column("send_key")
