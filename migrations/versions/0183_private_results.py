"""Add whose own tool server a call went to, and whether a file is for that person alone.

Revision: 0183, after 0182
"""

import sqlalchemy as sa
from alembic import op

revision = "0183"
down_revision = "0182"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("calls", sa.Column("private_to", sa.String(26)))
    op.add_column("chat_files", sa.Column("is_private", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    op.drop_column("chat_files", "is_private")
    op.drop_column("calls", "private_to")
