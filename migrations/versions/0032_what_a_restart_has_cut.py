"""Store the last answer up to which a person has dismissed notices of answers cut by a restart.

Revision: 0032, after 0026
"""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("users") as batch:
        batch.add_column(sa.Column("cut_seen_id", sa.String(26), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("users") as batch:
        batch.drop_column("cut_seen_id")
