"""Add the tools that answers for an API token may use.

Revision: 0179, after 0178
"""

import sqlalchemy as sa
from alembic import op

revision = "0179"
down_revision = "0178"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "token_tools",
        sa.Column("token_id", sa.String(26), sa.ForeignKey("api_tokens.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("tool", sa.String(200), primary_key=True),
    )


def downgrade() -> None:
    op.drop_table("token_tools")
