"""Add to calls how their results stand in requests whose context is full, and to chats how many folds they have had.

Revision: 0341
"""

import sqlalchemy as sa
from alembic import op

revision = "0341"
down_revision = "0340"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("calls", sa.Column("fold", sa.JSON(), nullable=True))
    op.add_column("chats", sa.Column("fold_count", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("chats", "fold_count")
    op.drop_column("calls", "fold")
