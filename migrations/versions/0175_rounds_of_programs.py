"""Add what providers want back with the calls that programs make.

Revision: 0175, after 0173
"""

import sqlalchemy as sa
from alembic import op

revision = "0175"
down_revision = "0173"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "program_rounds",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("user_id", sa.String(26), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("kept", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_program_rounds_user_id", "program_rounds", ["user_id"])
    op.create_index("ix_program_rounds_created_at", "program_rounds", ["created_at"])


def downgrade() -> None:
    op.drop_table("program_rounds")
