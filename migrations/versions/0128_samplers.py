"""Add a chat's sampling parameters.

Revision: 0128, after 0127
"""

import sqlalchemy as sa
from alembic import op

revision = "0128"
down_revision = "0127"
branch_labels = None
depends_on = None

NUMBERS = ("min_p", "frequency_penalty", "presence_penalty", "repetition_penalty")


def upgrade() -> None:
    op.add_column("chats", sa.Column("top_k", sa.Integer()))
    for name in NUMBERS:
        op.add_column("chats", sa.Column(name, sa.Float()))


def downgrade() -> None:
    for name in reversed(NUMBERS):
        op.drop_column("chats", name)
    op.drop_column("chats", "top_k")
