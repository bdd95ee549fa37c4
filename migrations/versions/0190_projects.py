"""Add projects, and the project of each chat.

Revision: 0190, after 0183
"""

import sqlalchemy as sa
from alembic import op

revision = "0190"
down_revision = "0183"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "projects",
        sa.Column("id", sa.String(26), primary_key=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("owner_id", sa.String(26), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("icon", sa.String(40), nullable=False, server_default=""),
        sa.Column("colour", sa.String(20), nullable=False, server_default=""),
        sa.Column("about", sa.Text(), nullable=False, server_default=""),
        sa.Column("instructions", sa.Text(), nullable=False, server_default=""),
        sa.Column("model", sa.String(200), nullable=False, server_default=""),
        sa.Column("parameters", sa.JSON(), nullable=False, server_default="{}"),
        sa.Column("collection_ids", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("tools", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("keeps_chats", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
    )
    op.create_index("ix_projects_owner_id", "projects", ["owner_id"])
    op.create_index("ix_projects_deleted_at", "projects", ["deleted_at"])
    op.add_column("chats", sa.Column("project_id", sa.String(26)))
    op.add_column("chats", sa.Column("is_for_project", sa.Boolean(), nullable=False, server_default=sa.false()))
    _index("ix_chats_project_id", ["project_id", "owner_id", "changed_at"], "project_id IS NOT NULL", "project_id IS NOT NULL")
    _index("ix_chats_for_project", ["project_id", "changed_at"], "is_for_project = 1", "is_for_project")


def _index(name: str, columns: list[str], sqlite: str, postgresql: str) -> None:
    op.create_index(name, "chats", columns, sqlite_where=sa.text(sqlite), postgresql_where=sa.text(postgresql))


def downgrade() -> None:
    op.drop_index("ix_chats_for_project", table_name="chats")
    op.drop_index("ix_chats_project_id", table_name="chats")
    op.drop_column("chats", "is_for_project")
    op.drop_column("chats", "project_id")
    op.drop_table("projects")
