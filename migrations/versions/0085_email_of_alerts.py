"""Store the outcome of sending an alert by email.

Revision: 0085, after 0081
"""

import sqlalchemy as sa
from alembic import op

revision = "0085"
down_revision = "0081"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("alert_events", sa.Column("email", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("alert_events", "email")
