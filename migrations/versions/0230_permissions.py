"""Add what admins have changed of who has which permission.

Revision: 0230, after 0223
"""

import sqlalchemy as sa
from alembic import op

revision = "0230"
down_revision = "0223"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "permissions",
        sa.Column("id", sa.String(26), primary_key=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("role", sa.String(10)),
        sa.Column("group_id", sa.String(26), sa.ForeignKey("groups.id", ondelete="CASCADE")),
        sa.Column("name", sa.String(20), nullable=False),
        sa.Column("is_allowed", sa.Boolean(), nullable=False),
    )
    op.create_index("ix_permissions_group_id", "permissions", ["group_id"])


def downgrade() -> None:
    op.drop_table("permissions")
