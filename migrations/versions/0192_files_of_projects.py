"""Add the project whose files a collection holds.

Revision: 0192, after 0232
"""

import sqlalchemy as sa
from alembic import op

revision = "0192"
down_revision = "0232"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("collections", sa.Column("project_id", sa.String(26)))
    op.create_index("uq_collections_project_id", "collections", ["project_id"], unique=True)


def downgrade() -> None:
    op.drop_index("uq_collections_project_id", table_name="collections")
    op.drop_column("collections", "project_id")
