"""Let a chat ignore its owner's personal instructions.

Revision: 0086, after 0085
"""

import sqlalchemy as sa
from alembic import op

revision = "0086"
down_revision = "0085"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("chats", sa.Column("own_instructions", sa.String(10), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("chats", "own_instructions")
