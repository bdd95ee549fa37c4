"""Index messages whose HTML is missing or from an older renderer, so that finding them skips all others.

Revision: 0026, after 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0014"
branch_labels = None
depends_on = None

HAS_TEXT = sa.text("content <> ''")


def upgrade() -> None:
    op.create_index("ix_messages_html_version", "messages", ["html_version"], sqlite_where=HAS_TEXT, postgresql_where=HAS_TEXT)


def downgrade() -> None:
    op.drop_index("ix_messages_html_version", table_name="messages")
