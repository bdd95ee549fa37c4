"""Add tool servers, their tools as they were accepted and listed, and the sign-ins of people there.

Revision: 0177, after 0175
"""

import sqlalchemy as sa
from alembic import op

revision = "0177"
down_revision = "0175"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tool_servers",
        sa.Column("id", sa.String(26), primary_key=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("slug", sa.String(40), nullable=False, unique=True),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("address", sa.String(300), nullable=False),
        sa.Column("sign_in", sa.String(10), nullable=False),
        sa.Column("owner_id", sa.String(26), sa.ForeignKey("users.id", ondelete="CASCADE")),
        sa.Column("secrets", sa.Text(), nullable=False, server_default=""),
        sa.Column("client", sa.Text(), nullable=False, server_default=""),
        sa.Column("is_enabled", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("version", sa.String(20), nullable=False, server_default=""),
        sa.Column("trouble", sa.Text(), nullable=False, server_default=""),
        sa.Column("left_out", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("listed_at", sa.DateTime(timezone=True)),
        sa.Column("fresh_until", sa.DateTime(timezone=True)),
        sa.Column("tools_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_tool_servers_owner_id", "tool_servers", ["owner_id"])
    op.create_table(
        "server_tools",
        sa.Column("server_id", sa.String(26), sa.ForeignKey("tool_servers.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("position", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("accepted", sa.JSON()),
        sa.Column("accepted_hash", sa.String(64), nullable=False, server_default=""),
        sa.Column("accepted_at", sa.DateTime(timezone=True)),
        sa.Column("listed", sa.JSON()),
        sa.Column("listed_hash", sa.String(64), nullable=False, server_default=""),
    )
    op.create_table(
        "tool_sign_ins",
        sa.Column("server_id", sa.String(26), sa.ForeignKey("tool_servers.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("user_id", sa.String(26), sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("tokens", sa.Text(), nullable=False, server_default=""),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("signed_in_at", sa.DateTime(timezone=True)),
        sa.Column("ended", sa.Text(), nullable=False, server_default=""),
        sa.Column("challenge", sa.Text(), nullable=False, server_default=""),
        sa.Column("attempt", sa.Text(), nullable=False, server_default=""),
        sa.Column("attempt_state", sa.String(64), nullable=False, server_default=""),
        sa.Column("attempt_until", sa.DateTime(timezone=True)),
    )
    op.create_index("ix_tool_sign_ins_user_id", "tool_sign_ins", ["user_id"])
    op.create_index("ix_tool_sign_ins_attempt_state", "tool_sign_ins", ["attempt_state"])
    op.create_table(
        "deleted_tool_servers",
        sa.Column("slug", sa.String(40), primary_key=True),
        sa.Column("origin", sa.String(64), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    for name in ("deleted_tool_servers", "tool_sign_ins", "server_tools", "tool_servers"):
        op.drop_table(name)
