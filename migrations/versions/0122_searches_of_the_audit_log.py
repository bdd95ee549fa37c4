"""Index the audit log by action, actor and subject.

Revision: 0122, after 0121
"""

from alembic import op

revision = "0122"
down_revision = "0121"
branch_labels = None
depends_on = None

SEARCHED = {
    "ix_audit_entries_action_id": ["action", "id"],
    "ix_audit_entries_actor_id": ["actor", "id"],
    "ix_audit_entries_object_kind_object_id_id": ["object_kind", "object_id", "id"],
}


def upgrade() -> None:
    for name, columns in SEARCHED.items():
        op.create_index(name, "audit_entries", columns)


def downgrade() -> None:
    for name in SEARCHED:
        op.drop_index(name, "audit_entries")
