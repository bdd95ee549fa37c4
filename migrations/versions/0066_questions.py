"""Add test questions with the documents that answer them, and runs that measure how well these are found.

Revision: 0066, after 0065
"""

import sqlalchemy as sa
from alembic import op

revision = "0066"
down_revision = "0065"
branch_labels = None
depends_on = None

ID = sa.String(26)


def upgrade() -> None:
    op.create_table(
        "questions",
        *_record(),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("document_id", ID, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_questions"),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_questions_owner_id_users", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name="fk_questions_document_id_documents", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_questions_owner_id", "questions", ["owner_id"])
    op.create_index("ix_questions_document_id", "questions", ["document_id"])
    op.create_table(
        "question_runs",
        *_record(),
        sa.Column("questions", sa.Integer(), nullable=False),
        sa.Column("ndcg", sa.Float(), nullable=False),
        sa.Column("recall", sa.Float(), nullable=False),
        sa.Column("misses", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_question_runs"),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_question_runs_owner_id_users", ondelete="CASCADE"),
    )
    op.create_index("ix_question_runs_owner_id", "question_runs", ["owner_id"])


def downgrade() -> None:
    op.drop_table("question_runs")
    op.drop_table("questions")


def _record() -> tuple[sa.Column[str], ...]:
    return (
        sa.Column("id", ID, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("owner_id", ID, nullable=False),
    )
