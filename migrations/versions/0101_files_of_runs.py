"""Add files uploaded in runs of workflows.

Revision: 0101, after 0100
"""

import sqlalchemy as sa
from alembic import op

revision = "0101"
down_revision = "0100"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("workflow_runs", sa.Column("collection_id", sa.String(26)))


def downgrade() -> None:
    op.drop_column("workflow_runs", "collection_id")
