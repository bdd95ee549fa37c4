"""Add plans written by runs of workflows.

Revision: 0070, after 0066
"""

import sqlalchemy as sa
from alembic import op

revision = "0070"
down_revision = "0066"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("workflow_runs", sa.Column("plan_id", sa.String(26)))


def downgrade() -> None:
    op.drop_column("workflow_runs", "plan_id")
