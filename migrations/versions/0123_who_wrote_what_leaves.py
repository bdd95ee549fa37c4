"""Index messages by author, so that deleting an account needs no scan of all messages.

Revision: 0123, after 0122
"""

import sqlalchemy as sa
from alembic import op

revision = "0123"
down_revision = "0122"
branch_labels = None
depends_on = None

KNOWN = sa.text("author_id IS NOT NULL")


def upgrade() -> None:
    op.create_index("ix_messages_author_id", "messages", ["author_id"], sqlite_where=KNOWN, postgresql_where=KNOWN)


def downgrade() -> None:
    op.drop_index("ix_messages_author_id", "messages")
