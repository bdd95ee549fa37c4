"""Add the limits that answers with tools have reached.

Revision: 0178, after 0177
"""

import sqlalchemy as sa
from alembic import op

revision = "0178"
down_revision = "0177"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "fuses",
        sa.Column("message_id", sa.String(26), sa.ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("limit", sa.String(10), nullable=False),
        sa.Column("decision", sa.String(10), nullable=False, server_default=""),
        sa.Column("times", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("usd", sa.String(30), nullable=False, server_default="0"),
        sa.Column("decided_by", sa.String(26), sa.ForeignKey("users.id", ondelete="SET NULL")),
        sa.Column("blown_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_fuses_decided_by", "fuses", ["decided_by"])


def downgrade() -> None:
    op.drop_table("fuses")
