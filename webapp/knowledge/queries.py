"""Reads collections, documents and passages, restricted to what a person may see."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Select, func, select
from sqlalchemy.orm import undefer

from webapp.base.db import db
from webapp.base.heavy.turns import queue_for_turn
from webapp.knowledge.permissions import COLLECTION, finds_passage, is_available, sees_collection, sees_document
from webapp.knowledge.tables import Collection, Document, DocumentPart, Passage
from webapp.people.accounts.tables import User
from webapp.people.search import SearchQuery
from webapp.people.things.seen import MOST_LISTED, Seen

UNREAD = ("waiting", "reading", "splitting")
UNFINISHED = (*UNREAD, "embedding")
MOST_IN_TRASH = 200
READ_AT_ONCE = 100
# Holds no files of a chat or project, which are shown there.
IS_OF_ITS_OWN = Collection.chat_id.is_(None), Collection.project_id.is_(None)
SEEN_COLLECTIONS = Seen(kind=COLLECTION, table=Collection, by=sees_collection, listed=IS_OF_ITS_OWN, is_own_first=False)


class Counts(NamedTuple):
    """The numbers of a collection's documents that a person may see."""

    documents: int = 0
    unfinished: int = 0
    failed: int = 0


class Deleted(NamedTuple):
    """A document in the trash; only two columns, because there can be thousands."""

    id: str
    title: str


class NamedDocument(NamedTuple):
    """A document in a list of all collections."""

    id: str
    title: str
    collection_name: str


def to_choose(user: User) -> Sequence[Collection]:
    """Returns the collections a person may attach to something; the memory is always searched separately."""
    return [row for row in SEEN_COLLECTIONS.all(user) if not row.is_memory]


def collections_among(user: User, ids: Sequence[str]) -> Sequence[Collection]:
    """Returns those of these collections that a person may see, by name."""
    query = select(Collection).where(Collection.id.in_(ids), sees_collection(user), Collection.deleted_at.is_(None))
    return db.session.scalars(query.order_by(func.lower(Collection.name), Collection.id)).all()


def can_write(user: User, collection: Collection) -> bool:
    """Returns whether the person may add documents to a collection and delete them."""
    query = select(Collection.id).where(Collection.id == collection.id, sees_collection(user, right=("write",)))
    return db.session.scalar(query) is not None


def counts(user: User, ids: Sequence[str]) -> dict[str, Counts]:
    """Returns, for each of these collections, the numbers of documents that the person may see."""
    unfinished = func.count().filter(Document.state.in_(UNFINISHED))
    failed = func.count().filter(Document.state == "failed")
    query = select(Document.collection_id, func.count(), unfinished, failed).join(Collection)
    query = query.where(Document.collection_id.in_(ids), sees_document(user), is_available()).group_by(Document.collection_id)
    return {id: Counts(*counted) for id, *counted in db.session.execute(query)} if ids else {}


def documents(user: User, collection: Collection, *, limit: int = MOST_LISTED, after: str = "") -> Sequence[Document]:
    """Returns the documents of a collection that the person may see, newest first."""
    query = _seen(user).where(Document.collection_id == collection.id, is_available())
    query = query.where(Document.id < after) if after else query
    return db.session.scalars(query.order_by(Document.id.desc()).limit(limit)).all()


def document(user: User, id: str, *, is_deleted: bool = False) -> Document | None:
    """Returns the document, if the person may see it; one in the trash only if `is_deleted`."""
    is_wanted = Document.deleted_at.is_not(None) if is_deleted else is_available()
    query = _seen(user).where(Document.id == id, is_wanted, Collection.deleted_at.is_(None))
    return db.session.scalar(query)


def documents_among(user: User, ids: Sequence[str]) -> Sequence[Document]:
    """Returns those of these documents that a person may see, by title."""
    query = _seen(user).where(Document.id.in_(ids), is_available()).options(undefer(Document.owner_id))
    return db.session.scalars(query.order_by(func.lower(Document.title), Document.id)).all() if ids else []


def deleted_documents(user: User, collection: Collection) -> Sequence[Deleted]:
    """Returns a collection's deleted documents, last deleted first; one more than is shown, if there are more."""
    query = select(Document.id, Document.title).join(Collection, Collection.id == Document.collection_id)
    query = query.where(sees_document(user), Document.collection_id == collection.id, Document.deleted_at.is_not(None))
    return [Deleted(*row) for row in db.session.execute(query.order_by(Document.deleted_at.desc()).limit(MOST_IN_TRASH + 1))]


def passages(user: User, document_id: str, *, limit: int = MOST_LISTED, start: int = 0) -> Sequence[Passage]:
    """Returns the passages of a document in order, starting at number `start`."""
    query = select(Passage).join(Document, Document.id == Passage.document_id).join(Collection)
    query = query.where(Document.id == document_id, finds_passage(user), Passage.number >= start)
    return db.session.scalars(query.order_by(Passage.number).limit(limit)).all()


def passages_at(user: User, document_id: str, numbers: Sequence[int]) -> Sequence[Passage]:
    """Returns the passages of a document with these numbers, in order."""
    query = select(Passage).join(Document, Document.id == Passage.document_id).join(Collection)
    query = query.where(Document.id == document_id, finds_passage(user), Passage.number.in_(numbers))
    return db.session.scalars(query.order_by(Passage.number)).all()


def passages_of(document: Document) -> Iterator[Passage]:
    """Yields all current passages of a document in order, and lets other greenlets run in between."""
    query = select(Passage).where(Passage.document_id == document.id, Passage.edition == document.edition)
    query, start = query.order_by(Passage.number).limit(READ_AT_ONCE), 0
    while some := db.session.scalars(query.where(Passage.number >= start)).all():
        yield from some
        start = some[-1].number + 1
        queue_for_turn()


def part(document_id: str, number: int) -> bytes | None:
    """Returns a chunk of the uploaded file."""
    document_part = db.session.get(DocumentPart, (document_id, number))
    return document_part.content if document_part else None


def size_of(*, owner_id: str = "", collection_id: str = "") -> tuple[int, int]:
    """Returns how many documents and characters a person's collections have, or one collection; the trash counts."""
    query = select(func.count(), func.coalesce(func.sum(Document.characters), 0)).select_from(Document).join(Collection)
    condition = Collection.owner_id == owner_id if owner_id else Collection.id == collection_id
    count, characters = db.session.execute(query.where(condition)).one()
    return int(count), int(characters)


def _seen(user: User) -> Select[Document]:
    return select(Document).join(Collection, Collection.id == Document.collection_id).where(sees_document(user))


def documents_named(user: User, query: SearchQuery, *, limit: int) -> list[NamedDocument]:
    """Returns the documents with these words in their titles or file names that the person may see, newest first."""
    documents = select(Document.id, Document.title, Collection.name).join(Collection, Collection.id == Document.collection_id)
    documents = documents.where(query.within(Document.title, Document.name), is_available(), sees_document(user))
    documents = documents.where(Collection.chat_id.is_(None), Collection.is_memory.is_(False))
    return [NamedDocument(*row) for row in db.session.execute(documents.order_by(Document.id.desc()).limit(limit))]
