"""Store which message a chat showed when one was deleted, and index deleted messages by time for their expiry.

Revision: 0013, after 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None
DELETED = sa.text("deleted_at IS NOT NULL")


def upgrade() -> None:
    op.add_column("messages", sa.Column("head_then", sa.String(26)))
    op.add_column("messages", sa.Column("cut_id", sa.String(26)))
    op.create_index("ix_messages_deleted_at", "messages", ["deleted_at"], sqlite_where=DELETED, postgresql_where=DELETED)


def downgrade() -> None:
    op.drop_index("ix_messages_deleted_at", table_name="messages")
    # Not in a batch: a recreated table would lose the triggers of its full-text index.
    op.drop_column("messages", "cut_id")
    op.drop_column("messages", "head_then")
