"""Add what is known of models' contexts besides their servers' lists: an admin's number, and what a refusal has said.

Revision: 0315, after 0305
"""

import sqlalchemy as sa
from alembic import op

revision = "0315"
down_revision = "0305"
branch_labels = None
depends_on = None


def upgrade() -> None:
    own_id = sa.ForeignKey("own_connections.id", name="fk_model_contexts_own_id_own_connections", ondelete="CASCADE")
    op.create_table(
        "model_contexts",
        sa.Column("model", sa.String(200), primary_key=True),
        sa.Column("connection", sa.String(40), nullable=False),
        sa.Column("own_id", sa.String(26), own_id, nullable=True),
        sa.Column("given", sa.Integer(), nullable=True),
        sa.Column("learned", sa.Integer(), nullable=True),
        sa.Column("listed", sa.Integer(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_model_contexts_own_id", "model_contexts", ["own_id"])


def downgrade() -> None:
    op.drop_table("model_contexts")
