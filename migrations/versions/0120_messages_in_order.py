"""Find the messages of a chat in their order.

Revision: 0120, after 0119
"""

from alembic import op
from sqlalchemy import text

revision = "0120"
down_revision = "0119"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # On SQLite for those alone who say so: otherwise it takes this one for what is deleted, too.
    op.create_index("ix_messages_chat_id_id", "messages", ["chat_id", "id"], sqlite_where=text("id > ''"))


def downgrade() -> None:
    op.drop_index("ix_messages_chat_id_id", "messages")
