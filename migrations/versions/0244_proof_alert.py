"""Add the alert for nightly backups that fail or are missing.

Revision: 0244, after 0240
"""

import sqlalchemy as sa
from alembic import op

revision = "0244"
down_revision = "0240"
branch_labels = None
depends_on = None

RULES = sa.table(
    "alert_rules",
    *(sa.column(name, sa.String) for name in ("name", "state")),
    *(sa.column(name, sa.Float) for name in ("bound", "warn_at")),
    *(sa.column(name, sa.Integer) for name in ("window_minutes", "min_samples", "samples")),
    *(sa.column(name, sa.Boolean) for name in ("is_enabled", "is_open")),
)
PROOF = {"name": "proof", "bound": 0, "warn_at": 0, "window_minutes": 1, "min_samples": 0}


def upgrade() -> None:
    op.bulk_insert(RULES, [{**PROOF, "is_enabled": True, "state": "no_data", "is_open": False, "samples": 0}])


def downgrade() -> None:
    op.execute(RULES.delete().where(RULES.c.name == "proof"))
