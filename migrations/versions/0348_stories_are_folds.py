"""Make folds of stories: each gets a number in its chat; and what says who writes them, and whether, is said of folds.

Revision: 0348
"""

import sqlalchemy as sa
from alembic import op

revision = "0348"
down_revision = "0347"
branch_labels = None
depends_on = None
STORIES = "SELECT count(*) FROM stories AS story WHERE story.kind = 'story' AND story.chat_id"


def upgrade() -> None:
    op.add_column("chats", sa.Column("fold", sa.String(10), nullable=False, server_default=""))
    op.execute("UPDATE chats SET fold = story WHERE story != ''")
    op.execute(
        "UPDATE stories SET "
        "number = (SELECT fold_count FROM chats WHERE chats.id = stories.chat_id) "
        f"+ ({STORIES} = stories.chat_id AND story.id <= stories.id), "
        # What a model wrote is checked before the next one is made; what a person wrote stays.
        "made_by = CASE WHEN is_edited THEN 'extract' ELSE '' END "
        "WHERE kind = 'story'"
    )
    op.execute(
        f"UPDATE chats SET fold_count = fold_count + ({STORIES} = chats.id) "
        "WHERE id IN (SELECT chat_id FROM stories WHERE kind = 'story')"
    )
    op.execute("UPDATE generations SET kind = 'fold' WHERE kind = 'story'")
    op.execute("UPDATE application_settings SET value = replace(value, 'kind=story', 'kind=fold') WHERE key = 'models.rules'")
    op.execute("UPDATE application_settings SET key = 'context.fold' WHERE key = 'models.story' AND value LIKE '%off%'")
    op.execute("DELETE FROM application_settings WHERE key = 'models.story'")


def downgrade() -> None:
    """Folds stay what they are: an older version takes them for stories, and the team's usual choice applies."""
    op.execute("UPDATE stories SET number = 0 WHERE kind = 'story'")
    op.drop_column("chats", "fold")
