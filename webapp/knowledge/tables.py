"""The tables of collections, documents, passages, vectors and kept questions."""

from datetime import datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    false,
    select,
    text,
)
from sqlalchemy.orm import Mapped, column_property, mapped_column

from webapp.base.db import Base, Record, utc_now
from webapp.base.ids import LENGTH, new_id

# SQLite generates row numbers only for columns declared as INTEGER PRIMARY KEY.
ROW = BigInteger().with_variant(Integer, "sqlite")
LIVE = text("deleted_at IS NULL")
CURRENT = text("state = 'current'")
REMEMBERED = text("message_id <> ''")


class Collection(Record):
    """Documents that are shared together; a grant gives access only to people with at least the clearance of `level`.

    `embedding_model` is the model for its vectors: empty for the team's, `none` for no vectors. If `chat_id` is set, the
    collection holds the files of that chat, and everyone who may see the chat may see it; `project_id` is the same for a project,
    and who may write in that may also add files.
    """

    __tablename__ = "collections"

    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(120))
    about: Mapped[str] = mapped_column(Text, default="")
    level: Mapped[int] = mapped_column(default=0)
    embedding_model: Mapped[str] = mapped_column(String(200), default="", server_default="")
    # Whether it is the conversation memory of its owner.
    is_memory: Mapped[bool] = mapped_column(default=False, server_default=false())
    chat_id: Mapped[str | None] = mapped_column(String(LENGTH))
    project_id: Mapped[str | None] = mapped_column(String(LENGTH))
    changed_at: Mapped[datetime] = mapped_column(default=utc_now)
    deleted_at: Mapped[datetime | None]

    __table_args__ = (
        Index("uq_collections_chat_id", "chat_id", unique=True),
        Index("uq_collections_project_id", "project_id", unique=True),
    )


class Document(Record):
    """A document in a collection, with the state of its reading; the worker that holds `claim` reads it until `claimed_until`.

    Searches find the passages of `edition`; while the document is read again, those of the next edition are stored in addition.
    `characters` is the length of the text, or the number of bytes until it has been read.
    """

    __tablename__ = "documents"

    collection_id: Mapped[str] = mapped_column(ForeignKey("collections.id", ondelete="CASCADE"))
    added_by: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    title: Mapped[str] = mapped_column(String(200))
    name: Mapped[str] = mapped_column(String(200), default="")
    level: Mapped[int] = mapped_column(default=0)
    hash: Mapped[str] = mapped_column(String(64))
    # The URL it was fetched from, and the ETag of that version.
    url: Mapped[str] = mapped_column(Text, default="", server_default="")
    etag: Mapped[str] = mapped_column(String(200), default="", server_default="")
    # The chat and message of a remembered answer; it is deleted with the message, without going through the trash.
    chat_id: Mapped[str] = mapped_column(String(LENGTH), default="", server_default="")
    message_id: Mapped[str] = mapped_column(String(LENGTH), default="", server_default="")
    # Where outside text in a remembered answer comes from, as its message had it.
    outside: Mapped[str] = mapped_column(Text, default="", server_default="")
    bytes: Mapped[int]
    characters: Mapped[int]
    state: Mapped[str] = mapped_column(String(10), default="arriving")
    done: Mapped[int] = mapped_column(default=0)
    of: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(String(300), default="")
    attempts: Mapped[int] = mapped_column(default=0)
    claim: Mapped[str] = mapped_column(String(LENGTH), default="")
    claimed_until: Mapped[datetime | None]
    edition: Mapped[int] = mapped_column(default=0)
    passages: Mapped[int] = mapped_column(default=0)
    words: Mapped[int] = mapped_column(default=0)
    deleted_at: Mapped[datetime | None]

    owner_id: Mapped[str] = column_property(
        # Also where collections are joined.
        select(Collection.owner_id).where(Collection.id == collection_id).correlate_except(Collection).scalar_subquery(),
        deferred=True,
    )

    @property
    def has_original(self) -> bool:
        """Returns whether there is a file to give back: a remembered answer has none, and one on its way isn't whole."""
        return not self.message_id and self.state != "arriving"

    __table_args__ = (
        Index("uq_documents_live", "collection_id", "hash", unique=True, sqlite_where=LIVE, info={"postgresql_where": LIVE}),
        Index("ix_documents_state", "state"),
        Index("ix_documents_message_id", "message_id", sqlite_where=REMEMBERED, info={"postgresql_where": REMEMBERED}),
    )


class DocumentPart(Base):
    """A chunk of an uploaded file; each transaction stores one."""

    __tablename__ = "document_parts"

    document_id: Mapped[str] = mapped_column(ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class Passage(Base):
    """A part of a document that searches find; its first `overlap` characters repeat the end of the previous one.

    `head` is put before the text of a passage that was cut out of a table or code; `words` is the number of indexed words.
    """

    __tablename__ = "passages"

    row: Mapped[int] = mapped_column(ROW, primary_key=True)
    id: Mapped[str] = mapped_column(String(LENGTH), default=new_id, unique=True)
    document_id: Mapped[str] = mapped_column(ForeignKey("documents.id", ondelete="CASCADE"))
    edition: Mapped[int]
    number: Mapped[int]
    heading: Mapped[str] = mapped_column(Text)
    page: Mapped[int | None]
    head: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    overlap: Mapped[int]
    words: Mapped[int]

    __table_args__ = (
        UniqueConstraint("document_id", "edition", "number"),
        # On PostgreSQL the index includes all columns that ranking reads: the rows, with their texts, are forty times as large.
        Index("ix_passages_document_id_edition", "document_id", "edition", info={"postgresql_include": ["row", "words"]}),
    )


class PassageTerm(Base):
    """The weight of a word in a passage; used only on PostgreSQL, because SQLite has a full-text index."""

    __tablename__ = "passage_terms"

    term: Mapped[str] = mapped_column(String(200), primary_key=True)
    passage_row: Mapped[int] = mapped_column(
        ROW, ForeignKey("passages.row", ondelete="CASCADE"), primary_key=True, autoincrement=False, index=True
    )
    weight: Mapped[int]

    # Includes the weight for the same reason: the passages of a word are spread over the whole table.
    __table_args__ = (Index("ix_passage_terms_term", "term", "passage_row", info={"postgresql_include": ["weight"]}),)


class VectorSet(Record):
    """A collection's vectors by one model: the current ones that are searched, ones being filled, or ones to be deleted.

    `baseline` is how similar this model finds unrelated texts. A set can wait to retry with or without an `error`, which is
    shown to people.
    """

    __tablename__ = "vector_sets"

    collection_id: Mapped[str] = mapped_column(ForeignKey("collections.id", ondelete="CASCADE"), index=True)
    model: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(10), default="filling")
    dimensions: Mapped[int] = mapped_column(default=0)
    baseline: Mapped[float] = mapped_column(Float, default=0.0)
    error: Mapped[str] = mapped_column(String(300), default="")
    failures: Mapped[int] = mapped_column(default=0)
    waits_until: Mapped[datetime | None]

    __table_args__ = (
        Index("uq_vector_sets_current", "collection_id", unique=True, sqlite_where=CURRENT, info={"postgresql_where": CURRENT}),
    )


class PassageVector(Base):
    """A passage's unit vector, as little-endian 32-bit floats."""

    __tablename__ = "passage_vectors"

    passage_row: Mapped[int] = mapped_column(
        ROW, ForeignKey("passages.row", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    set_id: Mapped[str] = mapped_column(ForeignKey("vector_sets.id", ondelete="CASCADE"), primary_key=True, index=True)
    vector: Mapped[bytes] = mapped_column(LargeBinary)


class EmbeddedDocument(Base):
    """Marks that every passage of this edition has its vector; until then, searches by meaning find none of them."""

    __tablename__ = "embedded_documents"

    document_id: Mapped[str] = mapped_column(ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True)
    set_id: Mapped[str] = mapped_column(ForeignKey("vector_sets.id", ondelete="CASCADE"), primary_key=True, index=True)
    edition: Mapped[int]


class TrialQuestion(Record):
    """A person's kept question and the document that answers it; without one, the search is expected to find nothing."""

    __tablename__ = "questions"

    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    text: Mapped[str] = mapped_column(Text)
    document_id: Mapped[str | None] = mapped_column(ForeignKey("documents.id", ondelete="CASCADE"), index=True)


class QuestionRun(Record):
    """The figures of one run of all of a person's questions; `misses` are the ids of the questions that were not answered."""

    __tablename__ = "question_runs"

    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    questions: Mapped[int]
    ndcg: Mapped[float] = mapped_column(Float)
    recall: Mapped[float] = mapped_column(Float)
    misses: Mapped[list[str]] = mapped_column(JSON, default=list)
