"""Add tryouts of prompt versions on real questions.

Revision: 0081, after 0080
"""

import sqlalchemy as sa
from alembic import op

revision = "0081"
down_revision = "0080"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tryouts",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("owner_id", sa.String(26), nullable=False),
        sa.Column("prompt_id", sa.String(80), nullable=False),
        sa.Column("key", sa.String(80), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("versions", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_tryouts_owner_id_users", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_tryouts"),
    )
    op.create_index("ix_tryouts_owner_id", "tryouts", ["owner_id"])
    op.create_table(
        "tryout_answers",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tryout_id", sa.String(26), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("error", sa.String(300), nullable=False),
        sa.Column("is_done", sa.Boolean(), nullable=False),
        sa.Column("generation_id", sa.String(26), nullable=False),
        sa.ForeignKeyConstraint(["tryout_id"], ["tryouts.id"], name="fk_tryout_answers_tryout_id_tryouts", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_tryout_answers"),
    )
    op.create_index("ix_tryout_answers_tryout_id", "tryout_answers", ["tryout_id"])
    op.create_index("ix_tryout_answers_generation_id", "tryout_answers", ["generation_id"])


def downgrade() -> None:
    op.drop_table("tryout_answers")
    op.drop_table("tryouts")
