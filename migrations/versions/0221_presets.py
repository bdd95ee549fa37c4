"""Add presets, which chats choose in place of a model, and the one that a person's new chats begin with.

Revision: 0221, after 0200
"""

import sqlalchemy as sa
from alembic import op

revision = "0221"
down_revision = "0200"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "presets",
        sa.Column("id", sa.String(26), primary_key=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("owner_id", sa.String(26), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("icon", sa.String(20), nullable=False, server_default=""),
        sa.Column("about", sa.String(300), nullable=False, server_default=""),
        sa.Column("model", sa.String(200), nullable=False, server_default=""),
        sa.Column("settings", sa.JSON(), nullable=False, server_default="{}"),
        sa.Column("collection_ids", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("tools", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("section_order", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
    )
    op.create_index("ix_presets_owner_id", "presets", ["owner_id"])
    op.create_index("ix_presets_deleted_at", "presets", ["deleted_at"])
    op.add_column("chats", sa.Column("preset_id", sa.String(26)))
    op.add_column("users", sa.Column("default_preset_id", sa.String(26), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("users", "default_preset_id")
    op.drop_column("chats", "preset_id")
    op.drop_table("presets")
