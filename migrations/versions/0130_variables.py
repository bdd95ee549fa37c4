"""Add the variables of placeholders: per message of a chat, and per person for all their chats.

Revision: 0130, after 0129
"""

import sqlalchemy as sa
from alembic import op

revision = "0130"
down_revision = "0129"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("messages", sa.Column("variables", sa.JSON(none_as_null=True), nullable=True))
    op.create_table(
        "person_variables",
        sa.Column("user_id", sa.String(26), nullable=False),
        sa.Column("kept", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_person_variables_user_id_users", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", name="pk_person_variables"),
    )


def downgrade() -> None:
    op.drop_table("person_variables")
    op.drop_column("messages", "variables")
