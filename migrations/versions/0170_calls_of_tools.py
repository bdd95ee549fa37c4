"""Add the calls of tools, the tools of a chat, and generations that wait for a person in their lane.

Revision: 0170, after 0168
"""

import sqlalchemy as sa
from alembic import op

revision = "0170"
down_revision = "0168"
branch_labels = None
depends_on = None

BEFORE, AFTER = sa.text("status IN ('queued', 'running')"), sa.text("status IN ('queued', 'running', 'waiting')")


def upgrade() -> None:
    op.add_column("chats", sa.Column("tools", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("messages", sa.Column("call_count", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "calls",
        sa.Column("id", sa.String(26), primary_key=True),
        sa.Column("message_id", sa.String(26), sa.ForeignKey("messages.id", ondelete="CASCADE"), nullable=False),
        sa.Column("generation_id", sa.String(26), sa.ForeignKey("generations.id", ondelete="SET NULL")),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("upstream_id", sa.String(200), nullable=False),
        sa.Column("tool", sa.String(200), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("arguments", sa.Text(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("policy", sa.String(10), nullable=False),
        sa.Column("why", sa.Text(), nullable=False, server_default=""),
        sa.Column("decision", sa.String(20), nullable=False, server_default=""),
        sa.Column("decided_by", sa.String(26), sa.ForeignKey("users.id", ondelete="SET NULL")),
        sa.Column("note", sa.Text(), nullable=False, server_default=""),
        sa.Column("text", sa.Text(), nullable=False, server_default=""),
        sa.Column("is_cut", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("error", sa.Text(), nullable=False, server_default=""),
        sa.Column("sources", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("outside", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("file_ids", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("text_at", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("kept", sa.Text(), nullable=False, server_default=""),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
    )
    op.create_index("uq_calls_message_id_round_number", "calls", ["message_id", "round", "number"], unique=True)
    for column in ("generation_id", "decided_by"):
        op.create_index(f"ix_calls_{column}", "calls", [column])
    op.create_table(
        "allowed_tools",
        sa.Column("chat_id", sa.String(26), sa.ForeignKey("chats.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("user_id", sa.String(26), sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("tool", sa.String(200), primary_key=True),
        sa.Column("allowed_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_allowed_tools_user_id", "allowed_tools", ["user_id"])
    _limit_lanes(AFTER)


def downgrade() -> None:
    op.execute("UPDATE generations SET status = 'stopped', reason = 'expired' WHERE status = 'waiting'")
    _limit_lanes(BEFORE)
    op.drop_table("allowed_tools")
    op.drop_table("calls")
    op.drop_column("messages", "call_count")
    op.drop_column("chats", "tools")


def _limit_lanes(condition: sa.TextClause) -> None:
    where = {"sqlite_where": condition, "postgresql_where": condition}
    op.drop_index("uq_generations_active_lane", table_name="generations")
    op.drop_index("ix_generations_active", table_name="generations")
    op.create_index("uq_generations_active_lane", "generations", ["lane"], unique=True, **where)
    op.create_index("ix_generations_active", "generations", ["status"], **where)
