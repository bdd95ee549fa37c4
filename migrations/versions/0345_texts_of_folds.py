"""Add to folds the version of the prompt that a model has written their text with.

Revision: 0345
"""

import sqlalchemy as sa
from alembic import op

revision = "0345"
down_revision = "0344"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("stories", sa.Column("prompt_version", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("stories", "prompt_version")
