"""Add plans, their inputs, their types and their quota.

Revision: 0007, after 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TABLES = ("plan_quotas", "plans", "plan_inputs", "plan_types")


def upgrade() -> None:
    op.create_table(
        "plan_types",
        sa.Column("slug", sa.String(40), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("changed_by", sa.String(26)),
        moment("changed_at"),
        sa.ForeignKeyConstraint(["changed_by"], ["users.id"], name="fk_plan_types_changed_by_users", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("slug", name="pk_plan_types"),
    )
    op.create_table(
        "plan_inputs",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("owner_id", sa.String(26), nullable=False),
        sa.Column("type", sa.String(40), nullable=False),
        sa.Column("values", sa.JSON(), nullable=False),
        moment("created_at"),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_plan_inputs_owner_id_users", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_plan_inputs"),
    )
    op.create_index("ix_plan_inputs_owner_id", "plan_inputs", ["owner_id"])
    create_plans()
    op.create_table(
        "plan_quotas",
        sa.Column("user_id", sa.String(26), nullable=False),
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_plan_quotas_user_id_users", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "month", name="pk_plan_quotas"),
    )


def downgrade() -> None:
    op.execute("DELETE FROM generations WHERE kind = 'plan'")
    for table in TABLES:
        op.drop_table(table)


def create_plans() -> None:
    op.create_table(
        "plans",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("owner_id", sa.String(26), nullable=False),
        sa.Column("inputs_id", sa.String(26), nullable=False),
        sa.Column("again_of_id", sa.String(26)),
        sa.Column("generation_id", sa.String(26)),
        sa.Column("type", sa.String(40), nullable=False),
        sa.Column("about", sa.JSON(), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("status", sa.Text(), server_default="completed", nullable=False),
        sa.Column("partial_content", sa.Text()),
        sa.Column("generation_started_at", sa.DateTime(timezone=True)),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("ticked", sa.JSON(), nullable=False),
        sa.Column("is_kept", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("error_code", sa.String(40), server_default="", nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("is_good", sa.Boolean()),
        sa.Column("unit_month", sa.String(7), server_default="", nullable=False),
        moment("created_at"),
        moment("changed_at"),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_plans_owner_id_users", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["inputs_id"], ["plan_inputs.id"], name="fk_plans_inputs_id_plan_inputs", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["again_of_id"], ["plans.id"], name="fk_plans_again_of_id_plans", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["generation_id"], ["generations.id"], name="fk_plans_generation_id_generations", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_plans"),
    )
    for columns in (["inputs_id"], ["again_of_id"], ["generation_id"], ["owner_id", "created_at"]):
        op.create_index(f"ix_plans_{'_'.join(columns)}", "plans", columns)


def moment(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)
