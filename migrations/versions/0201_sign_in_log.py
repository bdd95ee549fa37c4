"""Add what the log of sign-ins needs: its index by person, and when someone has last signed on again.

Revision: 0201, after 0210
"""

import sqlalchemy as sa
from alembic import op

revision = "0201"
down_revision = "0210"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_audit_entries_actor_id_action_id", "audit_entries", ["actor_id", "action", "id"])
    op.add_column("user_sessions", sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("user_sessions", "confirmed_at")
    op.drop_index("ix_audit_entries_actor_id_action_id", "audit_entries")
