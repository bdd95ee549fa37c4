"""Add receipts of what was permanently deleted.

Revision: 0344
"""

import sqlalchemy as sa
from alembic import op

revision = "0344"
down_revision = "0343"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "receipts",
        sa.Column("person_id", sa.String(26), nullable=False),
        sa.Column("key", sa.String(43), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_receipts"),
    )
    op.create_index("ix_receipts_person_id", "receipts", ["person_id"])
    op.create_index("ix_receipts_key", "receipts", ["key"])


def downgrade() -> None:
    op.drop_table("receipts")
