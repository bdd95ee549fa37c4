"""Documents, their collections, passages and vectors."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    false,
)

from migrations.schema.tables import MOMENT, ROW, optional, required, table, where

table(
    "collections",
    Column("id", String(26), primary_key=True),
    required("created_at", MOMENT),
    required("owner_id", String(26), ForeignKey("users.id", ondelete="CASCADE")),
    required("name", String(120)),
    required("about", Text()),
    required("level", Integer()),
    required("changed_at", MOMENT),
    optional("deleted_at", MOMENT),
    required("embedding_model", String(200), server_default=""),
    required("is_memory", Boolean(), server_default=false()),
    optional("chat_id", String(26)),
    optional("project_id", String(26)),
    Index("ix_collections_owner_id", "owner_id"),
    Index("uq_collections_chat_id", "chat_id", unique=True),
    Index("uq_collections_project_id", "project_id", unique=True),
)

table(
    "documents",
    Column("id", String(26), primary_key=True),
    required("created_at", MOMENT),
    required("collection_id", String(26), ForeignKey("collections.id", ondelete="CASCADE")),
    optional("added_by", String(26), ForeignKey("users.id", ondelete="SET NULL")),
    required("title", String(200)),
    required("name", String(200)),
    required("level", Integer()),
    required("hash", String(64)),
    required("bytes", Integer()),
    required("characters", Integer()),
    required("state", String(10)),
    required("error", String(300)),
    required("claim", String(26)),
    optional("claimed_until", MOMENT),
    optional("deleted_at", MOMENT),
    required("done", Integer()),
    required("of", Integer()),
    required("attempts", Integer()),
    required("edition", Integer()),
    required("passages", Integer()),
    required("words", Integer()),
    required("url", Text(), server_default=""),
    required("etag", String(200), server_default=""),
    required("chat_id", String(26), server_default=""),
    required("message_id", String(26), server_default=""),
    required("outside", Text(), server_default=""),
    Index("uq_documents_live", "collection_id", "hash", unique=True, **where("deleted_at IS NULL")),
    Index("ix_documents_state", "state"),
    Index("ix_documents_message_id", "message_id", **where("message_id <> ''")),
)

table(
    "document_parts",
    Column("document_id", String(26), ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer(), primary_key=True),
    required("content", LargeBinary()),
)

table(
    "passages",
    Column("row", ROW, primary_key=True),
    required("id", String(26)),
    required("document_id", String(26), ForeignKey("documents.id", ondelete="CASCADE")),
    required("edition", Integer()),
    required("number", Integer()),
    required("heading", Text()),
    optional("page", Integer()),
    required("head", Text()),
    required("text", Text()),
    required("overlap", Integer()),
    required("words", Integer()),
    UniqueConstraint("id"),
    UniqueConstraint("document_id", "edition", "number"),
    Index("ix_passages_document_id_edition", "document_id", "edition", postgresql_include=["row", "words"]),
)

table(
    "passage_terms",
    Column("term", String(200), primary_key=True),
    Column("passage_row", ROW, ForeignKey("passages.row", ondelete="CASCADE"), primary_key=True),
    required("weight", Integer()),
    Index("ix_passage_terms_passage_row", "passage_row"),
    Index("ix_passage_terms_term", "term", "passage_row", postgresql_include=["weight"]),
)

table(
    "questions",
    Column("id", String(26), primary_key=True),
    required("created_at", MOMENT),
    required("owner_id", String(26), ForeignKey("users.id", ondelete="CASCADE")),
    required("text", Text()),
    optional("document_id", String(26), ForeignKey("documents.id", ondelete="CASCADE")),
    Index("ix_questions_owner_id", "owner_id"),
    Index("ix_questions_document_id", "document_id"),
)

table(
    "question_runs",
    Column("id", String(26), primary_key=True),
    required("created_at", MOMENT),
    required("owner_id", String(26), ForeignKey("users.id", ondelete="CASCADE")),
    required("questions", Integer()),
    required("ndcg", Float()),
    required("recall", Float()),
    required("misses", JSON()),
    Index("ix_question_runs_owner_id", "owner_id"),
)

table(
    "vector_sets",
    Column("id", String(26), primary_key=True),
    required("created_at", MOMENT),
    required("collection_id", String(26), ForeignKey("collections.id", ondelete="CASCADE")),
    required("model", String(200)),
    required("state", String(10)),
    required("dimensions", Integer()),
    required("baseline", Float()),
    required("error", String(300)),
    required("failures", Integer()),
    optional("waits_until", MOMENT),
    Index("ix_vector_sets_collection_id", "collection_id"),
    Index("uq_vector_sets_current", "collection_id", unique=True, **where("state = 'current'")),
)

table(
    "passage_vectors",
    Column("passage_row", ROW, ForeignKey("passages.row", ondelete="CASCADE"), primary_key=True),
    Column("set_id", String(26), ForeignKey("vector_sets.id", ondelete="CASCADE"), primary_key=True),
    required("vector", LargeBinary()),
    Index("ix_passage_vectors_set_id", "set_id"),
)

table(
    "embedded_documents",
    Column("document_id", String(26), ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True),
    Column("set_id", String(26), ForeignKey("vector_sets.id", ondelete="CASCADE"), primary_key=True),
    required("edition", Integer()),
    Index("ix_embedded_documents_set_id", "set_id"),
)
