"""Add people's favourite and recent models.

Revision: 0050, after 0040
"""

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "model_marks",
        sa.Column("user_id", sa.String(26), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("is_favorite", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("used_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_model_marks_user_id_users", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "model", name="pk_model_marks"),
    )


def downgrade() -> None:
    op.drop_table("model_marks")
