"""Find what was used in a period, by everybody and by one person, without reading what is older.

Revision: 0014, after 0013
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_generations_created_at", "generations", ["created_at"])
    # It finds what belongs to a person as well as the one that it takes the place of.
    op.create_index("ix_generations_user_id_created_at", "generations", ["user_id", "created_at"])
    op.drop_index("ix_generations_user_id", table_name="generations")


def downgrade() -> None:
    op.create_index("ix_generations_user_id", "generations", ["user_id"])
    op.drop_index("ix_generations_user_id_created_at", table_name="generations")
    op.drop_index("ix_generations_created_at", table_name="generations")
