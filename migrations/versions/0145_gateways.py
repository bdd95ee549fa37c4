"""Mark tokens of gateways, with limits of their own, and the generations that count towards them.

Revision: 0145, after 0144
"""

import sqlalchemy as sa
from alembic import op

revision = "0145"
down_revision = "0144"
branch_labels = None
depends_on = None
LIMITS = ("answers_per_minute", "answers_at_once", "answer_streams")


def upgrade() -> None:
    op.add_column("api_tokens", sa.Column("is_gateway", sa.Boolean(), server_default=sa.false(), nullable=False))
    for name in LIMITS:
        op.add_column("api_tokens", sa.Column(name, sa.Integer(), nullable=True))
    op.add_column("generations", sa.Column("gateway_id", sa.String(26), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("generations", "gateway_id")
    for name in reversed(LIMITS):
        op.drop_column("api_tokens", name)
    op.drop_column("api_tokens", "is_gateway")
