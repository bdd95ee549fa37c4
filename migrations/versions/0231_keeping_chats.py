"""Add how long chats are kept: a rule for each group, what a person keeps, when a chat leaves, and the clock of it.

Revision: 0231, after 0225
"""

import sqlalchemy as sa
from alembic import op

revision = "0231"
down_revision = "0225"
branch_labels = None
depends_on = None
LEAVING = sa.text("leaves_at IS NOT NULL")


def upgrade() -> None:
    op.add_column("groups", sa.Column("chat_days", sa.Integer()))
    op.add_column("chats", sa.Column("is_kept", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("chats", sa.Column("touched_at", sa.DateTime(timezone=True)))
    op.add_column("chats", sa.Column("leaves_at", sa.DateTime(timezone=True)))
    op.create_index("ix_chats_leaving", "chats", ["leaves_at"], sqlite_where=LEAVING, postgresql_where=LEAVING)
    op.create_table(
        "keeping_clock",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stands_at", sa.DateTime(timezone=True)),
        sa.Column("until", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_keeping_clock"),
    )


def downgrade() -> None:
    op.drop_table("keeping_clock")
    op.drop_index("ix_chats_leaving", table_name="chats")
    for column in ("leaves_at", "touched_at", "is_kept"):
        op.drop_column("chats", column)
    op.drop_column("groups", "chat_days")
