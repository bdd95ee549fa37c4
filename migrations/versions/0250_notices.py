"""Add notices: where people are told, when not, and what they were told.

Revision: 0250, after 0244
"""

import sqlalchemy as sa
from alembic import op

revision = "0250"
down_revision = "0244"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
WHILE_WAITING = sa.text("state = 'waiting'")


def upgrade() -> None:
    op.create_table(
        "notice_channels",
        sa.Column("user_id", sa.String(26), nullable=False),
        sa.Column("session_id", sa.String(26), nullable=True),
        sa.Column("way", sa.String(10), nullable=False),
        sa.Column("identity", sa.String(80), nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("address", sa.Text(), nullable=False, server_default=""),
        sa.Column("p256dh", sa.String(100), nullable=False, server_default=""),
        sa.Column("auth", sa.String(40), nullable=False, server_default=""),
        sa.Column("secret", sa.Text(), nullable=False, server_default=""),
        sa.Column("muted_kinds", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("has_words", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("delivered_at", MOMENT, nullable=True),
        sa.Column("trouble", sa.String(300), nullable=False, server_default=""),
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_notice_channels_user_id_users", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["session_id"], ["user_sessions.id"], name="fk_notice_channels_session_id_user_sessions", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_notice_channels"),
        sa.UniqueConstraint("identity", name="uq_notice_channels_identity"),
    )
    op.create_index("ix_notice_channels_user_id", "notice_channels", ["user_id"])
    op.create_index("ix_notice_channels_session_id", "notice_channels", ["session_id"])
    op.create_table(
        "notice_preferences",
        sa.Column("user_id", sa.String(26), nullable=False),
        sa.Column("quiet_from", sa.String(5), nullable=False, server_default=""),
        sa.Column("quiet_until", sa.String(5), nullable=False, server_default=""),
        sa.Column("time_zone", sa.String(60), nullable=False, server_default=""),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_notice_preferences_user_id_users", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", name="pk_notice_preferences"),
    )
    op.create_table(
        "notices",
        sa.Column("user_id", sa.String(26), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("title", sa.String(120), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("words", sa.String(300), nullable=False),
        sa.Column("path", sa.String(300), nullable=False),
        sa.Column("once", sa.String(160), nullable=False),
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_notices_user_id_users", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_notices"),
        sa.UniqueConstraint("once", name="uq_notices_once"),
    )
    op.create_index("ix_notices_user_id_created_at", "notices", ["user_id", "created_at"])
    op.create_index("ix_notices_created_at", "notices", ["created_at"])
    _create_deliveries()


def _create_deliveries() -> None:
    op.create_table(
        "notice_deliveries",
        sa.Column("notice_id", sa.String(26), nullable=False),
        sa.Column("channel_id", sa.String(26), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("is_held", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["notice_id"], ["notices.id"], name="fk_notice_deliveries_notice_id_notices", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["channel_id"], ["notice_channels.id"], name="fk_notice_deliveries_channel_id_notice_channels", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_notice_deliveries"),
    )
    op.create_index("ix_notice_deliveries_notice_id", "notice_deliveries", ["notice_id"])
    op.create_index("ix_notice_deliveries_channel_id", "notice_deliveries", ["channel_id"])
    where = {"sqlite_where": WHILE_WAITING, "postgresql_where": WHILE_WAITING}
    op.create_index("ix_notice_deliveries_waiting", "notice_deliveries", ["due_at"], **where)


def downgrade() -> None:
    for table in ("notice_deliveries", "notices", "notice_preferences", "notice_channels"):
        op.drop_table(table)
