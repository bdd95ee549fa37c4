"""Add what programs ask of plans: repeated inputs, the characters written, and how long the last ones of a type took.

Revision: 0146, after 0145
"""

import sqlalchemy as sa
from alembic import op

revision = "0146"
down_revision = "0145"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("plan_inputs", sa.Column("sent_as", sa.String(length=64), nullable=True))
    op.create_index("ix_plan_inputs_sent_as", "plan_inputs", ["sent_as"], unique=True)
    op.add_column("plans", sa.Column("chars", sa.Integer(), nullable=False, server_default="0"))
    op.create_index("ix_plans_type_status_id", "plans", ["type", "status", "id"])


def downgrade() -> None:
    op.drop_index("ix_plans_type_status_id", "plans")
    op.drop_column("plans", "chars")
    op.drop_index("ix_plan_inputs_sent_as", "plan_inputs")
    op.drop_column("plan_inputs", "sent_as")
