"""Collections for the files of a chat: each belongs to one chat, is deleted with it, and is searched by those who may see it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import IO, NamedTuple

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from webapp.base.db import db, utc_now, write
from webapp.base.errors import Invalid
from webapp.base.words import plural
from webapp.knowledge import formats
from webapp.knowledge.changes import notify_documents
from webapp.knowledge.documents import importing, service
from webapp.knowledge.queries import UNFINISHED, UNREAD
from webapp.knowledge.tables import Collection, Document
from webapp.knowledge.trash import LONG_AGO

ABOUT = "Files from a chat. Everyone who can see the chat can see them, and they're deleted with it."
LOST = "This file no longer exists. Send it again."
NAME_CHARS = 90
# In these states no passage can be found yet.
UNFOUND = ("arriving", *UNREAD)
THERE = Collection.chat_id.is_not(None), Collection.deleted_at.is_(None), Document.deleted_at.is_(None)


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file that was sent in a chat: its name, the hash of its bytes and their number."""

    name: str
    hash: str
    bytes: int


class UnfinishedFile(NamedTuple):
    """A file of a chat that is still being read."""

    id: str
    chat_id: str
    hash: str
    state: str
    done: int


def add_files(session: Session, chat_id: str, owner_id: str, files: Sequence[SentFile], *, by: str, must: bool = True) -> str:
    """Adds a document to the chat's collection for each file, whose bytes `arrive` stores later; returns the collection's id.

    If there is no room for a file, raises if it `must` be taken, and otherwise marks the document as failed.
    """
    collection = session.scalar(select(Collection).where(Collection.chat_id == chat_id))
    if collection is None:
        collection = Collection(owner_id=owner_id, chat_id=chat_id, name=files[0].name[:NAME_CHARS], about=ABOUT)
        session.add(collection)
        session.flush()
    there = select(Document.hash).where(Document.collection_id == collection.id, Document.deleted_at.is_(None))
    existing = set(session.scalars(there))
    for sent_file in {file.hash: file for file in files if file.hash not in existing}.values():
        session.add(_document(collection.id, sent_file, by, must=must))
        session.flush()
    _name(session, collection)
    return collection.id


def own(session: Session, chat_id: str, ids: Iterable[str]) -> list[str]:
    """Returns the one of these collections that holds this chat's files, or an empty list."""
    return list(session.scalars(select(Collection.id).where(Collection.id.in_(list(ids)), Collection.chat_id == chat_id)))


def hide(session: Session, chat_ids: Iterable[str]) -> None:
    """Hides the files of these chats from searches while the chats are in the trash."""
    _mark(session, chat_ids, deleted_at=utc_now())


def show(session: Session, chat_ids: Iterable[str]) -> None:
    _mark(session, chat_ids, deleted_at=None)


def mark_for_deletion(session: Session, chat_ids: Iterable[str]) -> None:
    """Marks the files of these chats to be deleted the next time the trash is emptied, whatever its retention period."""
    _mark(session, chat_ids, deleted_at=LONG_AGO)


def mark_file_for_deletion(session: Session, chat_id: str, hash: str) -> None:
    """Does the same as `mark_for_deletion`, for one file that no message of the chat contains any more."""
    collection = session.scalar(select(Collection).where(Collection.chat_id == chat_id))
    if collection is None:
        return
    gone = update(Document).where(Document.collection_id == collection.id, Document.hash == hash)
    session.execute(gone.values(deleted_at=LONG_AGO).execution_options(synchronize_session=False))
    _name(session, collection)


def among(chat_id: str, hashes: Iterable[str]) -> dict[str, Document]:
    """Returns the documents for these files of a chat, by hash."""
    query = _there().where(Collection.chat_id == chat_id, Document.hash.in_(list(hashes)))
    return {document.hash: document for document in db.session.scalars(query)}


def files_of(chat_id: str) -> Sequence[Document]:
    """Returns all long files of a chat, newest first."""
    return db.session.scalars(_there().where(Collection.chat_id == chat_id).order_by(Document.id.desc())).all()


def not_indexed(chat_id: str) -> Sequence[Document]:
    """Returns the files of a chat that searches can't find yet."""
    query = _there().where(Collection.chat_id == chat_id, Document.state.in_(UNFOUND))
    return db.session.scalars(query.order_by(Document.id)).all()


def unfinished() -> list[UnfinishedFile]:
    """Returns the files of all chats that aren't ready."""
    query = _there().where(Document.state.in_(("arriving", *UNFINISHED))).add_columns(Collection.chat_id)
    rows = db.session.execute(query).all()
    return [
        UnfinishedFile(document.id, chat_id or "", document.hash, document.state, document.done) for document, chat_id in rows
    ]


def arrive(id: str, stream: IO[bytes] | None) -> None:
    """Stores a file's bytes and queues it to be read; without a stream the file is lost, and the document is marked as failed."""
    if stream is None:
        gone = update(Document).where(Document.id == id, Document.state == "arriving").values(state="failed", error=LOST)
        with write() as session:
            session.execute(gone)
        return
    service.arrive(id, stream)
    collection_id = db.session.scalar(select(Document.collection_id).where(Document.id == id))
    if collection_id:
        notify_documents(collection_id)
    importing.wake()


def _there() -> Select[Document]:
    return select(Document).join(Collection, Collection.id == Document.collection_id).where(*THERE)


def _document(collection_id: str, file: SentFile, by: str, *, must: bool) -> Document:
    about = {"collection_id": collection_id, "added_by": by, "title": formats.stem(file.name), "name": file.name}
    size = {"hash": file.hash, "bytes": file.bytes, "characters": file.bytes}
    try:
        service.refuse_too_much(collection_id, file.bytes)
    except Invalid as refusal:
        if must:
            raise
        return Document(**about, **size | {"characters": 0}, state="failed", error=refusal.message)
    return Document(**about, **size)


def _name(session: Session, collection: Collection) -> None:
    """Names the collection after its first file, with the number of further files."""
    own = select(Document.name).where(Document.collection_id == collection.id, Document.deleted_at.is_(None))
    names = session.scalars(own.order_by(Document.id)).all()
    if names:
        more = f" and {plural(len(names) - 1, 'more file')}" if len(names) > 1 else ""
        collection.name, collection.changed_at = names[0][:NAME_CHARS] + more, utc_now()


def _mark(session: Session, chat_ids: Iterable[str], **values: object) -> None:
    statement = update(Collection).where(Collection.chat_id.in_(list(chat_ids))).values(**values)
    session.execute(statement.execution_options(synchronize_session=False))
