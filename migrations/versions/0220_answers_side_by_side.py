"""Let several models answer a message side by side: one answer at a time per column.

Revision: 0220, after 0224
"""

import sqlalchemy as sa
from alembic import op

revision = "0220"
down_revision = "0224"
branch_labels = None
depends_on = None

WHILE_ACTIVE = sa.text("status IN ('queued', 'running', 'waiting')")
INDEX, TABLE = "uq_generations_active_lane", "generations"


def upgrade() -> None:
    op.add_column("generations", sa.Column("column_number", sa.Integer(), nullable=False, server_default="0"))
    for name in ("models", "column_ids"):
        op.add_column("chats", sa.Column(name, sa.JSON(), nullable=False, server_default="[]"))
    _one_at_a_time("lane", "column_number")


def downgrade() -> None:
    # Of answers that still run beside each other, the first keeps its lane.
    first = "SELECT min(id) FROM generations WHERE status IN ('queued', 'running', 'waiting') GROUP BY lane"
    others = f"status IN ('queued', 'running', 'waiting') AND column_number > 0 AND id NOT IN ({first})"
    op.execute(f"UPDATE generations SET status = 'stopped', reason = 'server_restart' WHERE {others}")
    _one_at_a_time("lane")
    for name in ("column_ids", "models"):
        op.drop_column("chats", name)
    op.drop_column("generations", "column_number")


def _one_at_a_time(*columns: str) -> None:
    op.drop_index(INDEX, table_name=TABLE)
    op.create_index(INDEX, TABLE, list(columns), unique=True, sqlite_where=WHILE_ACTIVE, postgresql_where=WHILE_ACTIVE)
