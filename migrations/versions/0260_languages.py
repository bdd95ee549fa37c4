"""Add the language that a person has chosen.

Revision: 0260, after 0250
"""

import sqlalchemy as sa
from alembic import op

revision = "0260"
down_revision = "0250"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("language", sa.String(35), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("users", "language")
