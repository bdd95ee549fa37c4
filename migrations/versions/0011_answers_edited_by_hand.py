"""Mark answers that are versions edited by a person.

Revision: 0011, after 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("messages", sa.Column("is_edited", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    # Not in a batch: a recreated table would lose the triggers of its full-text index.
    op.drop_column("messages", "is_edited")
