"""Add the requests that events of runs came from, so that a repeated one changes nothing.

Revision: 0141, after 0140
"""

import sqlalchemy as sa
from alembic import op

revision = "0141"
down_revision = "0140"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("workflow_run_events", sa.Column("sent_as", sa.String(length=64), nullable=True))
    op.add_column("workflow_run_events", sa.Column("head_id", sa.String(length=26), nullable=True))


def downgrade() -> None:
    op.drop_column("workflow_run_events", "head_id")
    op.drop_column("workflow_run_events", "sent_as")
