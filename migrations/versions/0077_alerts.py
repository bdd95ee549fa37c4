"""Add alert rules, and their alerts.

Revision: 0077, after 0076
"""

import sqlalchemy as sa
from alembic import op

revision = "0077"
down_revision = "0076"
branch_labels = None
depends_on = None

# name, limit, warning threshold, minutes of the window, minimum number of answers
RULES = (
    ("success", 0.95, 0.97, 15, 20),
    ("first_text", 1000, 800, 15, 20),
    ("fallback", 0.1, 0.08, 15, 20),
    ("errors", 0.05, 0.03, 15, 20),
    ("budget", 0.999, 0.8, 0, 0),
    ("disk", 500, 2000, 0, 0),
    ("backup", 8, 7, 0, 0),
    ("key", 0, 0, 0, 0),
)


def upgrade() -> None:
    rules = op.create_table(
        "alert_rules",
        sa.Column("name", sa.String(20), nullable=False),
        sa.Column("bound", sa.Float(), nullable=False),
        sa.Column("warn_at", sa.Float(), nullable=False),
        sa.Column("window_minutes", sa.Integer(), nullable=False),
        sa.Column("min_samples", sa.Integer(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("samples", sa.Integer(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("muted_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_alert_rules"),
    )
    names = ("name", "bound", "warn_at", "window_minutes", "min_samples")
    fresh = {"is_enabled": True, "state": "no_data", "is_open": False, "samples": 0}
    op.bulk_insert(rules, [{**dict(zip(names, rule, strict=True)), **fresh} for rule in RULES])
    op.create_table(
        "alert_events",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rule", sa.String(20), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("words", sa.String(300), nullable=False),
        sa.Column("delivery", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["rule"], ["alert_rules.name"], name="fk_alert_events_rule_alert_rules", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_alert_events"),
    )


def downgrade() -> None:
    op.drop_table("alert_events")
    op.drop_table("alert_rules")
