"""Add covering indexes on PostgreSQL, so that ranking passages does not read the table's rows.

Revision: 0091, after 0090
"""

from alembic import op

revision = "0091"
down_revision = "0090"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_passage_terms_term", "passage_terms", ["term", "passage_row"], postgresql_include=["weight"])
    op.create_index("ix_passages_document_id_edition", "passages", ["document_id", "edition"], postgresql_include=["row", "words"])


def downgrade() -> None:
    op.drop_index("ix_passages_document_id_edition", "passages")
    op.drop_index("ix_passage_terms_term", "passage_terms")
