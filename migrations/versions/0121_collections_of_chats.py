"""Add collections of the files in chats.

Revision: 0121, after 0120
"""

import sqlalchemy as sa
from alembic import op

revision = "0121"
down_revision = "0120"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("collections", sa.Column("chat_id", sa.String(26), nullable=True))
    op.create_index("uq_collections_chat_id", "collections", ["chat_id"], unique=True)


def downgrade() -> None:
    op.drop_index("uq_collections_chat_id", "collections")
    op.drop_column("collections", "chat_id")
