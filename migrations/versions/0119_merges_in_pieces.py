"""Merge the full-text indexes incrementally.

Revision: 0119, after 0115
"""

from alembic import op

revision = "0119"
down_revision = "0115"
branch_labels = None
depends_on = None

INDEXES = ("passages_search", "messages_search", "chats_search")
# When there are this many segments of one size, they are all merged in the transaction that reaches the number: with FTS5's
# default of sixteen this occasionally rewrites all of a large index, which takes seconds. Below the number, it merges a little
# after every few hundred kilobytes.
MOST, USUAL = 1_999, 16


def upgrade() -> None:
    set_parts(MOST)


def downgrade() -> None:
    set_parts(USUAL)


def set_parts(most: int) -> None:
    if op.get_bind().dialect.name == "sqlite":
        for name in INDEXES:
            op.execute(f"INSERT INTO {name}({name}, rank) VALUES ('crisismerge', {most})")
