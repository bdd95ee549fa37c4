"""Add experiments with prompt versions, and the prompt that a chat or an answer uses.

Revision: 0080, after 0077
"""

import sqlalchemy as sa
from alembic import op

revision = "0080"
down_revision = "0077"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("chats", sa.Column("prompt_key", sa.String(80), nullable=False, server_default=""))
    op.add_column("generations", sa.Column("led_by", sa.String(200), nullable=False, server_default=""))
    op.create_table(
        "experiments",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("prompt_id", sa.String(26), nullable=False),
        sa.Column("method", sa.String(20), nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("min_samples", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(26), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.String(26), nullable=True),
        sa.Column("winner", sa.Integer(), nullable=True),
        sa.Column("weighed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_example", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.ForeignKeyConstraint(["prompt_id"], ["prompts.id"], name="fk_experiments_prompt_id_prompts", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name="fk_experiments_created_by_users", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["ended_by"], ["users.id"], name="fk_experiments_ended_by_users", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_experiments"),
    )
    op.create_index("ix_experiments_prompt_id", "experiments", ["prompt_id"])
    running = sa.text("ended_at IS NULL")
    op.create_index(
        "uq_experiments_running", "experiments", ["prompt_id"], unique=True, sqlite_where=running, postgresql_where=running
    )
    op.create_table(
        "experiment_arms",
        sa.Column("experiment_id", sa.String(26), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_words", sa.String(300), nullable=False, server_default=""),
        sa.Column("exposures", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("judged", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("good", sa.Integer(), nullable=False, server_default="0"),
        sa.ForeignKeyConstraint(
            ["experiment_id"], ["experiments.id"], name="fk_experiment_arms_experiment_id_experiments", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("experiment_id", "version", name="pk_experiment_arms"),
    )
    op.create_table(
        "exposures",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("experiment_id", sa.String(26), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("lane", sa.String(40), nullable=False),
        sa.Column("unit", sa.String(40), nullable=False),
        sa.Column("generation_id", sa.String(26), nullable=False),
        sa.Column("is_good", sa.Boolean(), nullable=True),
        sa.Column("is_broken", sa.Boolean(), nullable=True),
        sa.Column("first_text_ms", sa.Integer(), nullable=True),
        sa.Column("cost", sa.Float(), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["experiment_id"], ["experiments.id"], name="fk_exposures_experiment_id_experiments", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_exposures"),
        sa.UniqueConstraint("experiment_id", "generation_id", name="uq_exposures_experiment_id_generation_id"),
    )
    op.create_index("ix_exposures_experiment_id_lane", "exposures", ["experiment_id", "lane"])
    unsettled = sa.text("settled_at IS NULL")
    op.create_index(
        "ix_exposures_unsettled", "exposures", ["experiment_id", "id"], sqlite_where=unsettled, postgresql_where=unsettled
    )


def downgrade() -> None:
    op.drop_table("exposures")
    op.drop_table("experiment_arms")
    op.drop_table("experiments")
    op.drop_column("generations", "led_by")
    op.drop_column("chats", "prompt_key")
