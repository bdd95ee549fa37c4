"""Store the address from which a document was fetched.

Revision: 0096, after 0095
"""

import sqlalchemy as sa
from alembic import op

revision = "0096"
down_revision = "0095"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("documents", sa.Column("url", sa.Text(), nullable=False, server_default=""))
    op.add_column("documents", sa.Column("etag", sa.String(200), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("documents", "etag")
    op.drop_column("documents", "url")
