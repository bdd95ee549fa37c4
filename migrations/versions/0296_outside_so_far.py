"""Say of the messages so far which ones were imported, and which ones other people have written.

What their answers have read is still known from their calls.

Revision: 0296, after 0295
"""

from alembic import op

revision = "0296"
down_revision = "0295"
branch_labels = None
depends_on = None

IMPORTED = "UPDATE messages SET outside = 'an imported chat' WHERE origin <> ''"
BY_OTHERS = """
    UPDATE messages SET outside = 'a message by {' || author_id || '}'
    WHERE author_id IS NOT NULL AND outside = ''
    AND author_id <> (SELECT owner_id FROM chats WHERE chats.id = messages.chat_id)
"""


def upgrade() -> None:
    op.execute(IMPORTED)
    op.execute(BY_OTHERS)


def downgrade() -> None:
    """The column goes with 0295."""
