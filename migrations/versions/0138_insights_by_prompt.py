"""Add the versions of prompts to the sums of insights; for days summed up before, they are unknown.

Revision: 0138, after 0137
"""

import sqlalchemy as sa
from alembic import op

revision = "0138"
down_revision = "0137"
branch_labels = None
depends_on = None

TABLE, KEY = "insight_days", ["day", "user_id", "kind", "model"]


def upgrade() -> None:
    with op.batch_alter_table(TABLE) as table:
        table.add_column(sa.Column("prompt", sa.String(200), server_default="", nullable=False))
        table.drop_constraint("pk_insight_days", type_="primary")
        table.create_primary_key("pk_insight_days", [*KEY, "prompt"])


def downgrade() -> None:
    # Several rows would get the same key, so the days are summed up again.
    op.execute("DELETE FROM insight_days")
    op.execute("DELETE FROM insight_marks")
    with op.batch_alter_table(TABLE) as table:
        table.drop_constraint("pk_insight_days", type_="primary")
        table.drop_column("prompt")
        table.create_primary_key("pk_insight_days", KEY)
