"""Add whether the browser or the server reads answers aloud to a person.

Revision: 0280, after 0270
"""

import sqlalchemy as sa
from alembic import op

revision = "0280"
down_revision = "0270"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("voice", sa.String(10), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("users", "voice")
