"""Add why a connection is refused, and the alert rule for providers without credit.

Revision: 0142, after 0141
"""

import sqlalchemy as sa
from alembic import op

revision = "0142"
down_revision = "0141"
branch_labels = None
depends_on = None

RULES = sa.table(
    "alert_rules",
    sa.column("name", sa.String),
    *(sa.column(name, sa.Float) for name in ("bound", "warn_at")),
    *(sa.column(name, sa.Integer) for name in ("window_minutes", "min_samples", "samples")),
    *(sa.column(name, sa.Boolean) for name in ("is_enabled", "is_open")),
    sa.column("state", sa.String),
)
CONNECTIONS = sa.table("connections", *(sa.column(name) for name in ("refused_for", "refused_at", "check_result")))


def upgrade() -> None:
    op.add_column("connections", sa.Column("refused_for", sa.String(length=10), nullable=False, server_default=""))
    without_credit = CONNECTIONS.c.check_result.like("%no credit left%")
    reason = sa.case((without_credit, "credit"), else_="auth")
    op.execute(CONNECTIONS.update().where(CONNECTIONS.c.refused_at.is_not(None)).values(refused_for=reason))
    rule = {"name": "credit", "bound": 0, "warn_at": 0, "window_minutes": 0, "min_samples": 0, "samples": 0}
    op.bulk_insert(RULES, [{**rule, "is_enabled": True, "is_open": False, "state": "no_data"}])


def downgrade() -> None:
    op.execute("DELETE FROM alert_events WHERE rule = 'credit'")
    op.execute(RULES.delete().where(RULES.c.name == "credit"))
    op.drop_column("connections", "refused_for")
