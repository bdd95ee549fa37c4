"""The conversation memory: finished answers of a person's chats, in a private collection that later chats can quote."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, delete, select, update
from sqlalchemy.orm import Session

from webapp.base.db import db, utc_now, write
from webapp.base.heavy.turns import queue_for_turn
from webapp.knowledge.changes import notify_people
from webapp.knowledge.documents import importing
from webapp.knowledge.tables import Collection, Document, DocumentPart
from webapp.knowledge.trash import empty_some
from webapp.people.accounts.tables import User

NAME, ABOUT = "Conversation memory", "Finished answers from your chats. Only you can see them."
FILE = "answer.md"
MOST_QUESTION, MOST_ANSWER = 1_000, 200_000
ANSWERS_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class RememberedExchange:
    """A finished answer, with its question; `outside` is as in its message."""

    owner_id: str
    chat_id: str
    message_id: str
    title: str
    question: str
    answer: str
    outside: str = ""

    @property
    def text(self) -> str:
        question = " ".join(self.question[:MOST_QUESTION].split())
        return f"{f'> {question}' if question else ''}\n\n{self.answer[:MOST_ANSWER]}\n"


def ids_of(user: User) -> list[str]:
    """Returns the ids of the person's memory collections."""
    return list(db.session.scalars(_of_owner(user.id)))


def add(exchanges: Iterable[RememberedExchange]) -> None:
    """Adds answers to their people's memories; they are read like other documents."""
    for exchange in exchanges:
        raw = exchange.text.encode("utf-8", "replace")
        digest = hashlib.sha256(exchange.message_id.encode()).hexdigest()
        about = {
            "title": (exchange.title or "Chat")[:200],
            "name": FILE,
            "chat_id": exchange.chat_id,
            "message_id": exchange.message_id,
            "outside": exchange.outside,
        }
        size = {"hash": digest, "bytes": len(raw), "characters": len(raw), "state": "waiting"}
        with write() as session:
            collection_id = _collection_id(session, exchange.owner_id)
            twin = select(Document.id).where(Document.collection_id == collection_id, Document.hash == digest)
            if session.scalar(twin):
                continue
            document = Document(collection_id=collection_id, added_by=exchange.owner_id, **about, **size)
            session.add(document)
            session.flush()
            session.add(DocumentPart(document_id=document.id, number=0, content=raw))
        notify_people(collection_id)
        queue_for_turn()
    importing.wake()


def forget(session: Session, condition: ColumnElement[bool]) -> None:
    """Hides answers in all memories, in the transaction that deletes the originals; `erase` deletes the rows later."""
    forgotten = update(Document).where(Document.message_id != "", Document.deleted_at.is_(None), condition)
    session.execute(forgotten.values(deleted_at=utc_now()).execution_options(synchronize_session=False))


def erase() -> None:
    """Deletes forgotten answers in small batches; they don't go through the trash."""
    while _erase_some():
        queue_for_turn()


def _erase_some() -> bool:
    forgotten = select(Document.id).where(Document.message_id != "", Document.deleted_at.is_not(None))
    ids = db.session.scalars(forgotten.limit(ANSWERS_AT_ONCE)).all()
    if not ids:
        return False
    with write() as session:
        if not empty_some(session, ids):
            session.execute(delete(Document).where(Document.id.in_(ids)).execution_options(synchronize_session=False))
    return True


def _of_owner(owner_id: str) -> Select[str]:
    return select(Collection.id).where(Collection.owner_id == owner_id, Collection.is_memory, Collection.deleted_at.is_(None))


def _collection_id(session: Session, owner_id: str) -> str:
    if collection_id := session.scalar(_of_owner(owner_id).limit(1)):
        return collection_id
    collection = Collection(owner_id=owner_id, name=NAME, about=ABOUT, is_memory=True)
    session.add(collection)
    session.flush()
    return collection.id
