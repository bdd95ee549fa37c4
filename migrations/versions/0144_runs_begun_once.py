"""Index the requests that began runs, so that a repeated one begins no second run.

Revision: 0144, after 0142
"""

import sqlalchemy as sa
from alembic import op

revision = "0144"
down_revision = "0142"
branch_labels = None
depends_on = None

NAME, BEGUN = "uq_workflow_run_events_begun_as", sa.text("seq = 1 AND sent_as IS NOT NULL")


def upgrade() -> None:
    op.create_index(NAME, "workflow_run_events", ["sent_as"], unique=True, sqlite_where=BEGUN, postgresql_where=BEGUN)


def downgrade() -> None:
    op.drop_index(NAME, table_name="workflow_run_events")
