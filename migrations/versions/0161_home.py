"""Add the changed cards of the home page, and what each person has dismissed there.

Revision: 0161, after 0160
"""

import sqlalchemy as sa
from alembic import op

revision = "0161"
down_revision = "0160"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "starters",
        sa.Column("slot", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("words", sa.String(length=40), nullable=False),
        sa.Column("hint", sa.String(length=80), nullable=False),
        sa.Column("icon", sa.String(length=40), nullable=False),
        sa.Column("opens", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("takes_files", sa.Boolean(), nullable=False),
        sa.Column("is_shown", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("slot", name=op.f("pk_starters")),
    )
    op.add_column("users", sa.Column("dismissed", sa.String(length=200), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("users", "dismissed")
    op.drop_table("starters")
