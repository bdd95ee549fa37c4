"""Allow several characters in a chat, and store each message's speaker.

A message refers to its speaker by id without a foreign key: it remains valid after the character is deleted, and on SQLite the
key would require `messages` to be recreated.

Revision: 0126, after 0125
"""

import sqlalchemy as sa
from alembic import op

revision = "0126"
down_revision = "0125"
branch_labels = None
depends_on = None

KNOWN = sa.text("speaker_id IS NOT NULL")


def upgrade() -> None:
    op.add_column("chats", sa.Column("character_ids", sa.JSON(), server_default="[]", nullable=False))
    op.add_column("chats", sa.Column("turn_order", sa.String(10), server_default="", nullable=False))
    op.add_column("messages", sa.Column("speaker_id", sa.String(26)))
    op.add_column("messages", sa.Column("speaker_name", sa.String(120), server_default="", nullable=False))
    op.create_index("ix_messages_speaker_id", "messages", ["speaker_id"], sqlite_where=KNOWN, postgresql_where=KNOWN)


def downgrade() -> None:
    op.drop_index("ix_messages_speaker_id", "messages")
    op.drop_column("messages", "speaker_name")
    op.drop_column("messages", "speaker_id")
    op.drop_column("chats", "turn_order")
    op.drop_column("chats", "character_ids")
