"""Add the policies of tools, the tools of a person's new chats, and what a tool was when it was allowed in a chat.

Revision: 0171, after 0170
"""

import sqlalchemy as sa
from alembic import op

revision = "0171"
down_revision = "0170"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("tools", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("allowed_tools", sa.Column("tool_hash", sa.String(64), nullable=False, server_default=""))
    op.create_table(
        "tool_policies",
        sa.Column("tool", sa.String(200), primary_key=True),
        sa.Column("whose", sa.String(26), primary_key=True),
        sa.Column("group_id", sa.String(26), sa.ForeignKey("groups.id", ondelete="CASCADE")),
        sa.Column("user_id", sa.String(26), sa.ForeignKey("users.id", ondelete="CASCADE")),
        sa.Column("policy", sa.String(10), nullable=False),
        sa.Column("is_free", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    for column in ("group_id", "user_id"):
        op.create_index(f"ix_tool_policies_{column}", "tool_policies", [column])


def downgrade() -> None:
    op.drop_table("tool_policies")
    op.drop_column("allowed_tools", "tool_hash")
    op.drop_column("users", "tools")
