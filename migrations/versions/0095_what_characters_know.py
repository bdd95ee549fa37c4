"""Add the collections that a character answers from.

Revision: 0095, after 0091
"""

import sqlalchemy as sa
from alembic import op

revision = "0095"
down_revision = "0091"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("characters", sa.Column("collection_ids", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("characters", "collection_ids")
