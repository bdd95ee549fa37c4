"""Add the aggregated figures of past days.

Revision: 0076, after 0075
"""

import sqlalchemy as sa
from alembic import op

revision = "0076"
down_revision = "0075"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "insight_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("user_id", sa.String(26), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("answers", sa.Integer(), nullable=False),
        sa.Column("broken", sa.Integer(), nullable=False),
        sa.Column("fallbacks", sa.Integer(), nullable=False),
        sa.Column("first_text_count", sa.Integer(), nullable=False),
        sa.Column("first_text_total_ms", sa.BigInteger(), nullable=False),
        sa.Column("duration_count", sa.Integer(), nullable=False),
        sa.Column("duration_total_ms", sa.BigInteger(), nullable=False),
        sa.Column("waiting_saved_ms", sa.BigInteger(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.String(60), nullable=True),
        sa.Column("first_texts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("day", "user_id", "kind", "model", name="pk_insight_days"),
    )
    op.create_index("ix_insight_days_user_id_day", "insight_days", ["user_id", "day"])
    op.create_table(
        "insight_marks",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("day", name="pk_insight_marks"),
    )


def downgrade() -> None:
    op.drop_table("insight_marks")
    op.drop_table("insight_days")
