"""Allow several queued messages in a chat.

Revision: 0052, after 0051
"""

import sqlalchemy as sa
from alembic import op

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None
# For `flask rehearse`: its rows have become those of the table follow_ups.
removes = ("chats.follow_up",)


def upgrade() -> None:
    op.create_table(
        "follow_ups",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("chat_id", sa.String(26), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["chat_id"], ["chats.id"], name="fk_follow_ups_chat_id_chats", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_follow_ups"),
    )
    op.create_index("ix_follow_ups_chat_id", "follow_ups", ["chat_id"])
    # The chat's id sorts before the id of any message that is queued later.
    waiting = "SELECT id, id, follow_up, model, changed_at FROM chats WHERE follow_up <> ''"
    op.execute(f"INSERT INTO follow_ups (id, chat_id, text, model, created_at) {waiting}")
    op.drop_column("chats", "follow_up")


def downgrade() -> None:
    op.add_column("chats", sa.Column("follow_up", sa.Text(), nullable=False, server_default=""))
    first = "SELECT text FROM follow_ups WHERE chat_id = chats.id ORDER BY id LIMIT 1"
    op.execute(f"UPDATE chats SET follow_up = ({first}) WHERE id IN (SELECT chat_id FROM follow_ups)")
    op.drop_index("ix_follow_ups_chat_id", "follow_ups")
    op.drop_table("follow_ups")
