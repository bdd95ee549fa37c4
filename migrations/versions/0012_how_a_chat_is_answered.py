"""Add a chat's temperature and maximum number of tokens.

Revision: 0012, after 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("chats", sa.Column("temperature", sa.Float()))
    op.add_column("chats", sa.Column("max_tokens", sa.Integer()))


def downgrade() -> None:
    # Not in a batch: a recreated table would lose the triggers of its full-text index.
    op.drop_column("chats", "max_tokens")
    op.drop_column("chats", "temperature")
