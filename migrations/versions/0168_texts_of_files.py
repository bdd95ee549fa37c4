"""Add the texts that were read from documents, as their files are kept as they were sent.

Revision: 0168, after 0167
"""

import sqlalchemy as sa
from alembic import op

revision = "0168"
down_revision = "0167"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("files", sa.Column("text", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("files", "text")
