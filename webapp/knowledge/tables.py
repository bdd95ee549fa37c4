"""Collections of documents, the documents, and the passages that are found in them."""

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

from webapp.db import Base, Record, utc_now
from webapp.ids import LENGTH, new_id

# SQLite numbers rows by itself only where they are called so.
ROW = BigInteger().with_variant(Integer, "sqlite")
LIVE = text("deleted_at IS NULL")
CURRENT = text("state = 'current'")
REMEMBERED = text("message_id <> ''")


class Collection(Record):
    """Documents that are granted together; only people with a clearance of its level get in by a grant.

    `embedding_model` is the one by which its passages become vectors: empty for the team's, `none` for no vectors. With a
    `chat_id` it holds the files of that chat, and whoever may see the chat may see it.
    """

    __tablename__ = "collections"

    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(120))
    about: Mapped[str] = mapped_column(Text, default="")
    level: Mapped[int] = mapped_column(default=0)
    embedding_model: Mapped[str] = mapped_column(String(200), default="", server_default="")
    # Whether finished answers of its owner are remembered in it.
    is_memory: Mapped[bool] = mapped_column(default=False, server_default=false())
    chat_id: Mapped[str | None] = mapped_column(String(LENGTH))
    changed_at: Mapped[datetime] = mapped_column(default=utc_now)
    deleted_at: Mapped[datetime | None]

    __table_args__ = (Index("uq_collections_chat_id", "chat_id", unique=True),)


class Document(Record):
    """A text in a collection, its reading included, which whoever has `claim` does until `claimed_until`.

    Passages of its `edition` are found; while it is read anew, the next ones are put beside them. `characters` is its
    length, and before it has been read how many bytes it has.
    """

    __tablename__ = "documents"

    collection_id: Mapped[str] = mapped_column(ForeignKey("collections.id", ondelete="CASCADE"))
    added_by: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    title: Mapped[str] = mapped_column(String(200))
    name: Mapped[str] = mapped_column(String(200), default="")
    level: Mapped[int] = mapped_column(default=0)
    hash: Mapped[str] = mapped_column(String(64))
    # Where it was fetched, and the tag of that version there.
    url: Mapped[str] = mapped_column(Text, default="", server_default="")
    etag: Mapped[str] = mapped_column(String(200), default="", server_default="")
    # Of a remembered answer, where it stands: deleted with it, it lies in no trash.
    chat_id: Mapped[str] = mapped_column(String(LENGTH), default="", server_default="")
    message_id: Mapped[str] = mapped_column(String(LENGTH), default="", server_default="")
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
        select(Collection.owner_id).where(Collection.id == collection_id).scalar_subquery(), deferred=True
    )

    __table_args__ = (
        Index("uq_documents_live", "collection_id", "hash", unique=True, sqlite_where=LIVE, info={"postgresql_where": LIVE}),
        Index("ix_documents_state", "state"),
        Index("ix_documents_message_id", "message_id", sqlite_where=REMEMBERED, info={"postgresql_where": REMEMBERED}),
    )


class DocumentPart(Base):
    """A piece of what was sent, of which a transaction stores one at a time."""

    __tablename__ = "document_parts"

    document_id: Mapped[str] = mapped_column(ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class Passage(Base):
    """A piece of a document: its first `overlap` characters repeat the end of the one before it.

    `head` stands before the text of what was cut inside a table or code; `words` is how many are indexed.
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
        # On PostgreSQL, all that ranking asks for: the rows, with their texts, are forty times as large.
        Index("ix_passages_document_id_edition", "document_id", "edition", info={"postgresql_include": ["row", "words"]}),
    )


class PassageTerm(Base):
    """How much a word counts in a passage; only PostgreSQL needs it, as SQLite has an index of words."""

    __tablename__ = "passage_terms"

    term: Mapped[str] = mapped_column(String(200), primary_key=True)
    passage_row: Mapped[int] = mapped_column(
        ROW, ForeignKey("passages.row", ondelete="CASCADE"), primary_key=True, autoincrement=False, index=True
    )
    weight: Mapped[int]

    # The same here: the passages of a word are spread over all of the table.
    __table_args__ = (Index("ix_passage_terms_term", "term", "passage_row", info={"postgresql_include": ["weight"]}),)


class VectorSet(Record):
    """The vectors of a collection by one model: those that are searched, the next ones beside them, or some to be deleted.

    `baseline` is how alike this model finds texts that have nothing in common. With an `error` it waits, as it may without.
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
    """A passage as a vector of length 1: numbers of 32 bits, the least byte first."""

    __tablename__ = "passage_vectors"

    passage_row: Mapped[int] = mapped_column(
        ROW, ForeignKey("passages.row", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    set_id: Mapped[str] = mapped_column(ForeignKey("vector_sets.id", ondelete="CASCADE"), primary_key=True, index=True)
    vector: Mapped[bytes] = mapped_column(LargeBinary)


class EmbeddedDocument(Base):
    """Says that every passage of this edition has its vector: before, none of them is found by it."""

    __tablename__ = "embedded_documents"

    document_id: Mapped[str] = mapped_column(ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True)
    set_id: Mapped[str] = mapped_column(ForeignKey("vector_sets.id", ondelete="CASCADE"), primary_key=True, index=True)
    edition: Mapped[int]


class Question(Record):
    """A question of a person's, and the document that answers it; without one, nothing is to be found."""

    __tablename__ = "questions"

    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    text: Mapped[str] = mapped_column(Text)
    document_id: Mapped[str | None] = mapped_column(ForeignKey("documents.id", ondelete="CASCADE"), index=True)


class QuestionRun(Record):
    """How well all questions of a person were answered once; `misses` are the ids of those that were not."""

    __tablename__ = "question_runs"

    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    questions: Mapped[int]
    ndcg: Mapped[float] = mapped_column(Float)
    recall: Mapped[float] = mapped_column(Float)
    misses: Mapped[list[str]] = mapped_column(JSON, default=list)
