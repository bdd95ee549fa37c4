"""Add budgets and their usage.

Revision: 0075, after 0070
"""

import sqlalchemy as sa
from alembic import op

revision = "0075"
down_revision = "0070"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "budgets",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(10), nullable=False),
        sa.Column("who_id", sa.String(26), nullable=False, server_default=""),
        sa.Column("unit", sa.String(10), nullable=False),
        sa.Column("most", sa.BigInteger(), nullable=False),
        sa.Column("period", sa.String(10), nullable=False),
        sa.Column("warn_at", sa.Float(), nullable=False, server_default="0.8"),
        sa.Column("model", sa.String(200), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_budgets"),
    )
    op.create_index("ix_budgets_who_id", "budgets", ["who_id"])
    op.create_table(
        "budget_periods",
        sa.Column("budget_id", sa.String(26), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("reserved", sa.BigInteger(), nullable=False, server_default="0"),
        sa.ForeignKeyConstraint(["budget_id"], ["budgets.id"], name="fk_budget_periods_budget_id_budgets", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("budget_id", "starts_at", name="pk_budget_periods"),
    )
    op.create_table(
        "budget_charges",
        sa.Column("generation_id", sa.String(26), nullable=False),
        sa.Column("budget_id", sa.String(26), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reserved", sa.BigInteger(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("input_tokens", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("output_tokens", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["budget_id"], ["budgets.id"], name="fk_budget_charges_budget_id_budgets", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("generation_id", "budget_id", name="pk_budget_charges"),
    )
    is_open = sa.text("is_open")
    op.create_index(
        "ix_budget_charges_open", "budget_charges", ["generation_id"], sqlite_where=is_open, postgresql_where=is_open
    )
    op.create_index("ix_budget_charges_budget_id_starts_at", "budget_charges", ["budget_id", "starts_at"])


def downgrade() -> None:
    op.drop_table("budget_charges")
    op.drop_table("budget_periods")
    op.drop_table("budgets")
