"""Add more generation parameters of a chat.

Revision: 0053, after 0052
"""

import sqlalchemy as sa
from alembic import op

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None

COLUMNS = (
    ("top_p", sa.Float(), True),
    ("stop_words", sa.Text(), False),
    ("effort", sa.String(10), False),
    ("answer_format", sa.String(10), False),
)


def upgrade() -> None:
    for name, kind, is_open in COLUMNS:
        op.add_column("chats", sa.Column(name, kind, nullable=is_open, server_default=None if is_open else ""))


def downgrade() -> None:
    for name, _, _ in COLUMNS:
        op.drop_column("chats", name)
