"""Give tokens with the scope `tools` the scope `mcp`, which was part of it, so that they open what they did before.

Revision: 0290, after 0280
"""

import sqlalchemy as sa
from alembic import op

revision = "0290"
down_revision = "0280"
branch_labels = None
depends_on = None

scopes = sa.column("scopes", sa.String)
tokens = sa.table("api_tokens", scopes)
words = sa.literal(" ") + scopes + sa.literal(" ")


def upgrade() -> None:
    has_tools, has_mcp = words.contains(" tools "), words.contains(" mcp ")
    op.execute(tokens.update().where(has_tools, ~has_mcp).values(scopes=scopes + sa.literal(" mcp")))


def downgrade() -> None:
    without = sa.func.trim(sa.func.replace(words, " mcp ", " "))
    op.execute(tokens.update().where(words.contains(" mcp ")).values(scopes=without))
