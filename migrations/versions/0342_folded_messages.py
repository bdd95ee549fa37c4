"""Add to stories what makes them folds: where they begin, the number of their handle, and what they stand for.

Revision: 0342
"""

import sqlalchemy as sa
from alembic import op

revision = "0342"
down_revision = "0341"
branch_labels = None
depends_on = None
COLUMNS = ("number", "messages", "calls", "tokens_before", "tokens_after")


def upgrade() -> None:
    op.add_column("stories", sa.Column("kind", sa.String(12), nullable=False, server_default="story"))
    op.add_column("stories", sa.Column("first_id", sa.String(26), nullable=True))
    op.add_column("stories", sa.Column("made_by", sa.String(10), nullable=False, server_default=""))
    op.add_column("stories", sa.Column("outside", sa.Text(), nullable=False, server_default=""))
    for name in COLUMNS:
        op.add_column("stories", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    for name in (*COLUMNS, "outside", "made_by", "first_id", "kind"):
        op.drop_column("stories", name)
