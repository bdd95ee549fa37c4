"""Add which projects a person has unfolded in the sidebar.

Revision: 0191, after 0226
"""

import sqlalchemy as sa
from alembic import op

revision = "0191"
down_revision = "0226"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "unfolded_projects",
        sa.Column("user_id", sa.String(26), sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("project_id", sa.String(26), sa.ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("unfolded_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_unfolded_projects_project_id", "unfolded_projects", ["project_id"])


def downgrade() -> None:
    op.drop_table("unfolded_projects")
