"""Add a memory of finished answers, for people who turn it on.

Revision: 0097, after 0096
"""

import sqlalchemy as sa
from alembic import op

revision = "0097"
down_revision = "0096"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Not in a batch: recreated tables would lose the triggers of their full-text indexes.
    op.add_column("users", sa.Column("remembers_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("chats", sa.Column("is_forgotten", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("collections", sa.Column("is_memory", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("documents", sa.Column("chat_id", sa.String(26), nullable=False, server_default=""))
    op.add_column("documents", sa.Column("message_id", sa.String(26), nullable=False, server_default=""))
    remembered = sa.text("message_id <> ''")
    op.create_index(
        "ix_documents_message_id", "documents", ["message_id"], sqlite_where=remembered, postgresql_where=remembered
    )


def downgrade() -> None:
    op.drop_index("ix_documents_message_id", "documents")
    op.drop_column("documents", "message_id")
    op.drop_column("documents", "chat_id")
    op.drop_column("collections", "is_memory")
    op.drop_column("chats", "is_forgotten")
    op.drop_column("users", "remembers_since")
