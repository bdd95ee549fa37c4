"""Add to messages whether a person keeps them in full, so that they are never folded.

Revision: 0347
"""

import sqlalchemy as sa
from alembic import op

revision = "0347"
down_revision = "0346"
branch_labels = None
depends_on = None
INDEX = "ix_messages_kept"


def upgrade() -> None:
    op.add_column("messages", sa.Column("is_kept", sa.Boolean(), nullable=False, server_default=sa.false()))
    where = {"sqlite_where": sa.text("is_kept = 1"), "postgresql_where": sa.text("is_kept")}
    op.create_index(INDEX, "messages", ["chat_id"], **where)


def downgrade() -> None:
    op.drop_index(INDEX, "messages")
    op.drop_column("messages", "is_kept")
