"""Index usage by time, for everyone and per person, so that queries skip older rows.

Revision: 0014, after 0013
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_generations_created_at", "generations", ["created_at"])
    # It also serves queries by person, as the index that it replaces did.
    op.create_index("ix_generations_user_id_created_at", "generations", ["user_id", "created_at"])
    op.drop_index("ix_generations_user_id", table_name="generations")


def downgrade() -> None:
    op.create_index("ix_generations_user_id", "generations", ["user_id"])
    op.drop_index("ix_generations_user_id_created_at", table_name="generations")
    op.drop_index("ix_generations_created_at", table_name="generations")
