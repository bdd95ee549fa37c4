"""Add links by which people without an account read a chat.

Revision: 0210, after 0221
"""

import sqlalchemy as sa
from alembic import op

revision = "0210"
down_revision = "0221"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "links",
        sa.Column("chat_id", sa.String(26), nullable=False),
        sa.Column("owner_id", sa.String(26), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("ciphertext", sa.Text(), nullable=False),
        sa.Column("head_id", sa.String(26)),
        sa.Column("is_answer", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("is_live", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("shows", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("title", sa.String(200), nullable=False, server_default=""),
        sa.Column("extent", sa.JSON(), nullable=False, server_default="{}"),
        sa.Column("ends_at", sa.DateTime(timezone=True)),
        sa.Column("visits", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["chat_id"], ["chats.id"], name="fk_links_chat_id_chats", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_links_owner_id_users", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["head_id"], ["messages.id"], name="fk_links_head_id_messages", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_links"),
        sa.UniqueConstraint("token_hash", name="uq_links_token_hash"),
    )
    op.create_index("ix_links_chat_id", "links", ["chat_id"])
    op.create_index("ix_links_head_id", "links", ["head_id"])
    op.create_index("ix_links_owner_id_id", "links", ["owner_id", "id"])


def downgrade() -> None:
    op.drop_table("links")
