"""Add the keys that a person has chosen for shortcuts.

Revision: 0243, after 0192
"""

import sqlalchemy as sa
from alembic import op

revision = "0243"
down_revision = "0192"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("keys", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    op.drop_column("users", "keys")
