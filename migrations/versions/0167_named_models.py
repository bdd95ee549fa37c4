"""Add the names that admins give models.

Revision: 0167, after 0166
"""

import sqlalchemy as sa
from alembic import op

revision = "0167"
down_revision = "0166"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "named_models",
        sa.Column("model", sa.String(200), primary_key=True),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("named_models")
