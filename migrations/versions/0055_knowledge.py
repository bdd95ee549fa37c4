"""Add collections, documents and passages, and each person's clearance for what is shared with them.

Revision: 0055, after 0054
"""

import sqlalchemy as sa
from alembic import op

revision = "0055"
down_revision = "0054"
branch_labels = None
depends_on = None

ID = sa.String(26)
MOMENT = sa.DateTime(timezone=True)
ROW = sa.BigInteger().with_variant(sa.Integer, "sqlite")
LIVE = sa.text("deleted_at IS NULL")
TABLES = ("collections", "documents", "document_parts", "passages", "passage_terms")


def upgrade() -> None:
    with op.batch_alter_table("users") as batch:
        batch.add_column(sa.Column("clearance", sa.Integer, nullable=False, server_default="0"))
    collections()
    documents()
    passages()
    if op.get_bind().dialect.name == "sqlite":
        index_words()


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER passages_search_delete")
        op.execute("DROP TABLE passages_search")
    for table in reversed(TABLES):
        op.drop_table(table)
    with op.batch_alter_table("users") as batch:
        batch.drop_column("clearance")


def collections() -> None:
    op.create_table(
        "collections",
        sa.Column("id", ID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("about", sa.Text, nullable=False),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("deleted_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_collections"),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_collections_owner_id_users", ondelete="CASCADE"),
    )
    op.create_index("ix_collections_owner_id", "collections", ["owner_id"])


def documents() -> None:
    counts = [sa.Column(name, sa.Integer, nullable=False) for name in ("done", "of", "attempts", "edition", "passages", "words")]
    op.create_table(
        "documents",
        sa.Column("id", ID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("collection_id", ID, nullable=False),
        sa.Column("added_by", ID),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("bytes", sa.Integer, nullable=False),
        sa.Column("characters", sa.Integer, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("error", sa.String(300), nullable=False),
        sa.Column("claim", ID, nullable=False),
        sa.Column("claimed_until", MOMENT),
        sa.Column("deleted_at", MOMENT),
        *counts,
        sa.PrimaryKeyConstraint("id", name="pk_documents"),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collections.id"], name="fk_documents_collection_id_collections", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["added_by"], ["users.id"], name="fk_documents_added_by_users", ondelete="SET NULL"),
    )
    once = {"unique": True, "sqlite_where": LIVE, "postgresql_where": LIVE}
    op.create_index("uq_documents_live", "documents", ["collection_id", "hash"], **once)
    op.create_index("ix_documents_state", "documents", ["state"])
    op.create_table(
        "document_parts",
        sa.Column("document_id", ID, nullable=False),
        sa.Column("number", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("document_id", "number", name="pk_document_parts"),
        of_document("document_parts"),
    )


def passages() -> None:
    op.create_table(
        "passages",
        sa.Column("row", ROW, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("document_id", ID, nullable=False),
        sa.Column("edition", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("heading", sa.Text, nullable=False),
        sa.Column("page", sa.Integer),
        sa.Column("head", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("overlap", sa.Integer, nullable=False),
        sa.Column("words", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("row", name="pk_passages"),
        sa.UniqueConstraint("id", name="uq_passages_id"),
        sa.UniqueConstraint("document_id", "edition", "number", name="uq_passages_document_id_edition_number"),
        of_document("passages"),
    )
    op.create_table(
        "passage_terms",
        sa.Column("term", sa.String(200), nullable=False),
        sa.Column("passage_row", ROW, nullable=False, autoincrement=False),
        sa.Column("weight", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("term", "passage_row", name="pk_passage_terms"),
        sa.ForeignKeyConstraint(
            ["passage_row"], ["passages.row"], name="fk_passage_terms_passage_row_passages", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_passage_terms_passage_row", "passage_terms", ["passage_row"])


def of_document(table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_document_id_documents"
    return sa.ForeignKeyConstraint(["document_id"], ["documents.id"], name=name, ondelete="CASCADE")


def index_words() -> None:
    op.execute("CREATE VIRTUAL TABLE passages_search USING fts5(head, body, tokenize='porter unicode61 remove_diacritics 2')")
    op.execute(
        "CREATE TRIGGER passages_search_delete AFTER DELETE ON passages"
        " BEGIN DELETE FROM passages_search WHERE rowid = old.row; END"
    )
