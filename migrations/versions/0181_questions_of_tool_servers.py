"""Keep what a tool server asks a person with the call that it asks for.

Revision: 0181, after 0180
"""

import sqlalchemy as sa
from alembic import op

revision = "0181"
down_revision = "0180"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("calls", sa.Column("question", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("calls", "question")
