"""Add up to which time something has been deleted.

Revision: 0232, after 0220
"""

import sqlalchemy as sa
from alembic import op

revision = "0232"
down_revision = "0220"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "keeping_marks",
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_keeping_marks"),
    )


def downgrade() -> None:
    op.drop_table("keeping_marks")
