"""Add the version of a file among those of its name in a chat, as calls of models make files.

Revision: 0173, after 0171
"""

import sqlalchemy as sa
from alembic import op

revision = "0173"
down_revision = "0171"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("chat_files", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))


def downgrade() -> None:
    op.drop_column("chat_files", "version")
