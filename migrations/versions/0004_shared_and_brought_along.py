"""Add grants on single objects, and the origin of an imported chat.

Revision: 0004, after 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("chats", "messages"):
        op.add_column(table, sa.Column("origin", sa.String(120), server_default="", nullable=False))
    op.create_table(
        "grants",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("object_kind", sa.String(20), nullable=False),
        sa.Column("object_id", sa.String(26), nullable=False),
        sa.Column("user_id", sa.String(26)),
        sa.Column("group_id", sa.String(26)),
        sa.Column("right", sa.String(10), nullable=False),
        sa.Column("created_by", sa.String(26)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_grants_user_id_users", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name="fk_grants_group_id_groups", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name="fk_grants_created_by_users", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_grants"),
    )
    op.create_index("ix_grants_object_kind_object_id", "grants", ["object_kind", "object_id"])
    op.create_index("ix_grants_user_id", "grants", ["user_id"])
    op.create_index("ix_grants_group_id", "grants", ["group_id"])


def downgrade() -> None:
    op.drop_table("grants")
    for table in ("messages", "chats"):
        with op.batch_alter_table(table) as batch:
            batch.drop_column("origin")
