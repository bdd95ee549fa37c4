"""Add who has queued a message: in a shared chat, not only its owner.

Revision: 0305, after 0296
"""

import sqlalchemy as sa
from alembic import op

revision = "0305"
down_revision = "0296"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("follow_ups", sa.Column("author_id", sa.String(26)))


def downgrade() -> None:
    op.drop_column("follow_ups", "author_id")
