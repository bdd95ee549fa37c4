"""Add people's own connections, and which servers are offered for keys of their own.

Revision: 0225, after 0230
"""

import sqlalchemy as sa
from alembic import op

revision = "0225"
down_revision = "0230"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("connections", sa.Column("is_offered", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "own_connections",
        sa.Column("id", sa.String(26), primary_key=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("owner_id", sa.String(26), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("offered_id", sa.String(26), sa.ForeignKey("connections.id", ondelete="CASCADE")),
        sa.Column("slug", sa.String(40), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("base_url", sa.String(300), nullable=False),
        sa.Column("key_ciphertext", sa.Text(), nullable=False),
        sa.Column("key_last_four", sa.String(4), nullable=False),
        sa.Column("default_model", sa.String(200), nullable=False),
        sa.Column("continuation", sa.String(10), nullable=False),
        sa.Column("reasoning_tags", sa.String(10), nullable=False, server_default="auto"),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("models", sa.JSON(), nullable=False),
        sa.Column("models_at", sa.DateTime(timezone=True)),
        sa.Column("left_out", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("checked_at", sa.DateTime(timezone=True)),
        sa.Column("check_result", sa.String(300), nullable=False),
        sa.Column("is_working", sa.Boolean()),
        sa.Column("refused_at", sa.DateTime(timezone=True)),
        sa.Column("refused_for", sa.String(10), nullable=False, server_default=""),
        sa.UniqueConstraint("slug", name="uq_own_connections_slug"),
    )
    op.create_index("ix_own_connections_owner_id", "own_connections", ["owner_id"])
    op.create_index("ix_own_connections_offered_id", "own_connections", ["offered_id"])


def downgrade() -> None:
    op.drop_table("own_connections")
    op.drop_column("connections", "is_offered")
