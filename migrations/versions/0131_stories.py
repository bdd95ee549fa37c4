"""Add a chat's story so far: a summary of it down to a message.

Revision: 0131, after 0130
"""

import sqlalchemy as sa
from alembic import op

revision = "0131"
down_revision = "0130"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stories",
        sa.Column("chat_id", sa.String(26), sa.ForeignKey("chats.id", ondelete="CASCADE"), nullable=False),
        sa.Column("message_id", sa.String(26), sa.ForeignKey("messages.id", ondelete="CASCADE"), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("is_edited", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("model", sa.String(200), nullable=False, server_default=""),
        sa.Column("id", sa.String(26), primary_key=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_stories_chat_id", "stories", ["chat_id"])
    op.create_index("ix_stories_message_id", "stories", ["message_id"])
    op.add_column("chats", sa.Column("story", sa.String(10), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("chats", "story")
    op.drop_table("stories")
