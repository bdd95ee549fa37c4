"""Add what stays of deleted connections, those in the audit log included.

Revision: 0148, after 0146
"""

import sqlalchemy as sa
from alembic import op

revision = "0148"
down_revision = "0146"
branch_labels = None
depends_on = None
# A connection that was deleted before has no known address, so its slug is never used again.
FROM_THE_LOG = """
    INSERT INTO deleted_connections (slug, kind, base_url, deleted_at)
    SELECT object_id, '', '', max(at) FROM audit_entries
    WHERE object_kind = 'connection' AND action = 'deleted a connection' AND length(object_id) <= 40
        AND object_id NOT IN (SELECT slug FROM connections)
    GROUP BY object_id
"""


def upgrade() -> None:
    op.create_table(
        "deleted_connections",
        sa.Column("slug", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("base_url", sa.String(length=300), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("slug", name=op.f("pk_deleted_connections")),
    )
    op.execute(FROM_THE_LOG)


def downgrade() -> None:
    op.drop_table("deleted_connections")
