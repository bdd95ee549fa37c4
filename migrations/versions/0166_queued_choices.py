"""Keep which model and which character a queued message is for.

Revision: 0166, after 0162
"""

import sqlalchemy as sa
from alembic import op

revision = "0166"
down_revision = "0162"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("follow_ups", sa.Column("answered_by", sa.String(200), server_default="", nullable=False))
    op.add_column("follow_ups", sa.Column("speaker_id", sa.String(26), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("follow_ups", "speaker_id")
    op.drop_column("follow_ups", "answered_by")
