"""Add partial indexes for queries over all chats and messages, so that these need no full scan.

Revision: 0009, after 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# By index name: table, columns, and the condition of a partial index on SQLite and on PostgreSQL; none for a full index.
INDEXES = {
    "ix_chats_head_id": ("chats", ["head_id"], "", ""),
    "ix_chats_character_id": ("chats", ["character_id"], "", ""),
    "ix_chats_persona_id": ("chats", ["persona_id"], "", ""),
    "ix_chats_pinned": ("chats", ["owner_id", "pinned_at"], "pinned_at IS NOT NULL", "pinned_at IS NOT NULL"),
    "ix_chats_deleted": ("chats", ["deleted_at"], "deleted_at IS NOT NULL", "deleted_at IS NOT NULL"),
    "ix_chats_temporary": ("chats", ["created_at"], "is_temporary = 1", "is_temporary"),
    "ix_chats_visitors": ("chats", ["created_at"], "visitor_hash IS NOT NULL", "visitor_hash IS NOT NULL"),
    "ix_messages_deleted": ("messages", ["chat_id"], "deleted_at IS NOT NULL", "deleted_at IS NOT NULL"),
}


def upgrade() -> None:
    for name, (table, columns, *which) in INDEXES.items():
        sqlite, postgresql = (sa.text(condition) if condition else None for condition in which)
        op.create_index(name, table, columns, sqlite_where=sqlite, postgresql_where=postgresql)


def downgrade() -> None:
    for name, (table, *_) in INDEXES.items():
        op.drop_index(name, table_name=table)
