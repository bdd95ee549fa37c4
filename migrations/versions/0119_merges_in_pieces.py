"""Merge the indexes of words in pieces.

Revision: 0119, after 0115
"""

from alembic import op

revision = "0119"
down_revision = "0115"
branch_labels = None
depends_on = None

INDEXES = ("passages_search", "messages_search", "chats_search")
# So many parts of one size are merged all at once, within the transaction that comes upon them: with FTS5's own sixteen that is
# the whole of a large index now and then, for seconds. Before that it merges a little after every few hundred kilobytes.
MOST, USUAL = 1_999, 16


def upgrade() -> None:
    set_parts(MOST)


def downgrade() -> None:
    set_parts(USUAL)


def set_parts(most: int) -> None:
    if op.get_bind().dialect.name == "sqlite":
        for name in INDEXES:
            op.execute(f"INSERT INTO {name}({name}, rank) VALUES ('crisismerge', {most})")
