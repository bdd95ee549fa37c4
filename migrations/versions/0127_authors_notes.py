"""Add a chat's author's note, which is inserted among its last messages.

Revision: 0127, after 0126
"""

import sqlalchemy as sa
from alembic import op

revision = "0127"
down_revision = "0126"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("chats", sa.Column("note", sa.Text(), server_default="", nullable=False))
    op.add_column("chats", sa.Column("note_depth", sa.Integer()))
    op.add_column("chats", sa.Column("note_role", sa.String(10), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("chats", "note_role")
    op.drop_column("chats", "note_depth")
    op.drop_column("chats", "note")
