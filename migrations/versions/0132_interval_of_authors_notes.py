"""Add how often a chat's author's note is sent.

Revision: 0132, after 0131
"""

import sqlalchemy as sa
from alembic import op

revision = "0132"
down_revision = "0131"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("chats", sa.Column("note_interval", sa.Integer()))


def downgrade() -> None:
    op.drop_column("chats", "note_interval")
