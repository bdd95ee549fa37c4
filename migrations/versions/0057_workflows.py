"""Add workflows, their versions, their runs, and the events of each run.

Revision: 0057, after 0056
"""

import sqlalchemy as sa
from alembic import op

revision = "0057"
down_revision = "0056"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "workflows",
        sa.Column("slug", sa.String(40), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("published", sa.Integer(), nullable=False),
        sa.Column("changed_by", sa.String(26), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["changed_by"], ["users.id"], name="fk_workflows_changed_by_users", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("slug", name="pk_workflows"),
    )
    op.create_table(
        "workflow_versions",
        sa.Column("slug", sa.String(40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("note", sa.String(300), nullable=False),
        sa.Column("published_by", sa.String(26), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["published_by"], ["users.id"], name="fk_workflow_versions_published_by_users", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["slug"], ["workflows.slug"], name="fk_workflow_versions_slug_workflows", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("slug", "number", name="pk_workflow_versions"),
    )
    op.create_table(
        "workflow_runs",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("owner_id", sa.String(26), nullable=False),
        sa.Column("chat_id", sa.String(26), nullable=False),
        sa.Column("slug", sa.String(40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("state", sa.JSON(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.String(26), nullable=True),
        sa.Column("refusal", sa.JSON(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_workflow_runs_owner_id_users", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["chat_id"], ["chats.id"], name="fk_workflow_runs_chat_id_chats", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_workflow_runs"),
        sa.UniqueConstraint("chat_id", name="uq_workflow_runs_chat_id"),
    )
    op.create_index("ix_workflow_runs_owner_id_status", "workflow_runs", ["owner_id", "status"])
    op.create_index("ix_workflow_runs_slug", "workflow_runs", ["slug"])
    op.create_table(
        "workflow_run_events",
        sa.Column("run_id", sa.String(26), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("refusal", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["workflow_runs.id"], name="fk_workflow_run_events_run_id_workflow_runs", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "seq", name="pk_workflow_run_events"),
    )


def downgrade() -> None:
    for table in ("workflow_run_events", "workflow_runs", "workflow_versions", "workflows"):
        op.drop_table(table)
