"""Add the times people spend reading answers, if they allow this to be counted.

Revision: 0110, after 0101
"""

import sqlalchemy as sa
from alembic import op

revision = "0110"
down_revision = "0101"
branch_labels = None
depends_on = None

SUMS = (("reading_count", sa.Integer()), ("reading_total_ms", sa.BigInteger()))


def upgrade() -> None:
    op.add_column("users", sa.Column("is_reading_counted", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.add_column("generations", sa.Column("reading_ms", sa.Integer()))
    for name, kind in SUMS:
        op.add_column("insight_days", sa.Column(name, kind, server_default="0", nullable=False))


def downgrade() -> None:
    for name, _ in SUMS:
        op.drop_column("insight_days", name)
    op.drop_column("generations", "reading_ms")
    op.drop_column("users", "is_reading_counted")
