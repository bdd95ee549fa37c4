"""Index a chat's messages in their order.

Revision: 0120, after 0119
"""

from alembic import op
from sqlalchemy import text

revision = "0120"
down_revision = "0119"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # On SQLite only for queries with this condition: otherwise the planner would use this index for deleted messages, too.
    op.create_index("ix_messages_chat_id_id", "messages", ["chat_id", "id"], sqlite_where=text("id > ''"))


def downgrade() -> None:
    op.drop_index("ix_messages_chat_id_id", "messages")
