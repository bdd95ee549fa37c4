"""Add an index of the chats with several characters.

Revision: 0136, after 0133
"""

import sqlalchemy as sa
from alembic import op

revision = "0136"
down_revision = "0133"
branch_labels = None
depends_on = None

GROUPS = sa.text("turn_order <> ''")


def upgrade() -> None:
    op.create_index("ix_chats_groups", "chats", ["owner_id"], sqlite_where=GROUPS, postgresql_where=GROUPS)


def downgrade() -> None:
    op.drop_index("ix_chats_groups", "chats")
