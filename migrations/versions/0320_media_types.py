"""Let a file have the media type of a Word, PowerPoint or Excel document, which is longer than PostgreSQL stored.

Revision: 0320, after 0315
"""

import sqlalchemy as sa
from alembic import op

revision = "0320"
down_revision = "0315"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("files") as files:
        files.alter_column("media_type", type_=sa.String(100), existing_type=sa.String(40), existing_nullable=False)


def downgrade() -> None:
    op.execute("UPDATE files SET media_type = 'application/octet-stream' WHERE length(media_type) > 40")
    with op.batch_alter_table("files") as files:
        files.alter_column("media_type", type_=sa.String(40), existing_type=sa.String(100), existing_nullable=False)
