"""Store the step of a run for which its last plan is being written.

Revision: 0100, after 0097
"""

import sqlalchemy as sa
from alembic import op

revision = "0100"
down_revision = "0097"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("workflow_runs", sa.Column("plan_step", sa.String(40), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("workflow_runs", "plan_step")
