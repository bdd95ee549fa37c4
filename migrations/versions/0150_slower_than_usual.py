"""Add the alert for models that are slower than usual, and turn off the one with a fixed time where it is unchanged.

Revision: 0150, after 0148
"""

import sqlalchemy as sa
from alembic import op

revision = "0150"
down_revision = "0148"
branch_labels = None
depends_on = None

RULES = sa.table(
    "alert_rules",
    *(sa.column(name, sa.String) for name in ("name", "state")),
    *(sa.column(name, sa.Float) for name in ("bound", "warn_at")),
    *(sa.column(name, sa.Integer) for name in ("window_minutes", "min_samples", "samples")),
    *(sa.column(name, sa.Boolean) for name in ("is_enabled", "is_open")),
)
SLOWER = {"name": "slower", "bound": 3, "warn_at": 2, "window_minutes": 60, "min_samples": 20}
# One second, which no local and no reasoning model keeps.
UNCHANGED = (RULES.c.name == "first_text") & (RULES.c.bound == 1000) & (RULES.c.warn_at == 800)


def upgrade() -> None:
    op.bulk_insert(RULES, [{**SLOWER, "is_enabled": True, "state": "no_data", "is_open": False, "samples": 0}])
    op.execute(RULES.update().where(UNCHANGED).values(is_enabled=False, is_open=False, state="no_data"))


def downgrade() -> None:
    op.execute(RULES.update().where(UNCHANGED).values(is_enabled=True))
    op.execute(RULES.delete().where(RULES.c.name == "slower"))
