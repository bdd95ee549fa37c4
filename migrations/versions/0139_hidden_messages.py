"""Add whether a message is hidden from models.

Revision: 0139, after 0138
"""

import sqlalchemy as sa
from alembic import op

revision = "0139"
down_revision = "0138"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("messages", sa.Column("is_hidden", sa.Boolean(), server_default=sa.false(), nullable=False))
    where = {"sqlite_where": sa.text("is_hidden = 1"), "postgresql_where": sa.text("is_hidden")}
    op.create_index("ix_messages_hidden", "messages", ["chat_id"], **where)


def downgrade() -> None:
    op.drop_index("ix_messages_hidden", "messages")
    op.drop_column("messages", "is_hidden")
