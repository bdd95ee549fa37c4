"""Add the accent colour, the contrast and the font that a person has chosen.

Revision: 0160, after 0155
"""

import sqlalchemy as sa
from alembic import op

revision = "0160"
down_revision = "0155"
branch_labels = None
depends_on = None

COLUMNS = ("accent", "contrast", "font")


def upgrade() -> None:
    for name in COLUMNS:
        op.add_column("users", sa.Column(name, sa.String(10), nullable=False, server_default=""))


def downgrade() -> None:
    for name in COLUMNS:
        op.drop_column("users", name)
