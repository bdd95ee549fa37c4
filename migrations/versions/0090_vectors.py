"""Add vectors of passages, by the embedding model of the collection or the team.

Revision: 0090, after 0086
"""

import sqlalchemy as sa
from alembic import op

revision = "0090"
down_revision = "0086"
branch_labels = None
depends_on = None

ID = sa.String(26)
MOMENT = sa.DateTime(timezone=True)
ROW = sa.BigInteger().with_variant(sa.Integer, "sqlite")
CURRENT = sa.text("state = 'current'")


def upgrade() -> None:
    with op.batch_alter_table("collections") as batch:
        batch.add_column(sa.Column("embedding_model", sa.String(200), nullable=False, server_default=""))
    vector_sets()
    passage_vectors()
    embedded_documents()
    if op.get_bind().dialect.name == "postgresql":
        # Vectors hardly compress, so PostgreSQL must not try.
        op.execute("ALTER TABLE passage_vectors ALTER COLUMN vector SET STORAGE EXTERNAL")


def downgrade() -> None:
    for table in ("embedded_documents", "passage_vectors", "vector_sets"):
        op.drop_table(table)
    with op.batch_alter_table("collections") as batch:
        batch.drop_column("embedding_model")


def vector_sets() -> None:
    op.create_table(
        "vector_sets",
        sa.Column("id", ID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("collection_id", ID, nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("dimensions", sa.Integer, nullable=False),
        sa.Column("baseline", sa.Float, nullable=False),
        sa.Column("error", sa.String(300), nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("waits_until", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_vector_sets"),
        of("vector_sets", "collection_id", "collections"),
    )
    op.create_index("ix_vector_sets_collection_id", "vector_sets", ["collection_id"])
    once = {"unique": True, "sqlite_where": CURRENT, "postgresql_where": CURRENT}
    op.create_index("uq_vector_sets_current", "vector_sets", ["collection_id"], **once)


def passage_vectors() -> None:
    op.create_table(
        "passage_vectors",
        sa.Column("passage_row", ROW, nullable=False, autoincrement=False),
        sa.Column("set_id", ID, nullable=False),
        sa.Column("vector", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("passage_row", "set_id", name="pk_passage_vectors"),
        of("passage_vectors", "passage_row", "passages", "row"),
        of("passage_vectors", "set_id", "vector_sets"),
    )
    op.create_index("ix_passage_vectors_set_id", "passage_vectors", ["set_id"])


def embedded_documents() -> None:
    op.create_table(
        "embedded_documents",
        sa.Column("document_id", ID, nullable=False),
        sa.Column("set_id", ID, nullable=False),
        sa.Column("edition", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("document_id", "set_id", name="pk_embedded_documents"),
        of("embedded_documents", "document_id", "documents"),
        of("embedded_documents", "set_id", "vector_sets"),
    )
    op.create_index("ix_embedded_documents_set_id", "embedded_documents", ["set_id"])


def of(table: str, column: str, other: str, key: str = "id") -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_{column}_{other}"
    return sa.ForeignKeyConstraint([column], [f"{other}.{key}"], name=name, ondelete="CASCADE")
