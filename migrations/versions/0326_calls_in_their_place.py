"""Render answers with calls in their text again, with the places of the calls.

Revision: 0326
"""

from alembic import op

revision = "0326"
down_revision = "0325"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "UPDATE messages SET html_version = 0 WHERE call_count > 0 AND EXISTS"
        " (SELECT 1 FROM calls WHERE calls.message_id = messages.id AND calls.text_at > 0)"
    )


def downgrade() -> None:
    """Nothing to do: the places are empty for older versions."""
