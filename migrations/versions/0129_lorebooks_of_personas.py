"""Add the lorebooks that are used in a persona's chats.

Revision: 0129, after 0128
"""

import sqlalchemy as sa
from alembic import op

revision = "0129"
down_revision = "0128"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("personas", sa.Column("lorebook_ids", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("personas", "lorebook_ids")
