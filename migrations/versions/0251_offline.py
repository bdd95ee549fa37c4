"""Add what people choose for offline use, and what identifies the request that queued a message.

Revision: 0251, after 0262
"""

import sqlalchemy as sa
from alembic import op

revision = "0251"
down_revision = "0262"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("offline", sa.String(10), nullable=False, server_default=""))
    op.add_column("follow_ups", sa.Column("sent_as", sa.String(64), nullable=True))


def downgrade() -> None:
    op.drop_column("follow_ups", "sent_as")
    op.drop_column("users", "offline")
