"""How collections and documents end: deleted for good after their time in the trash, or passed on with an account."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select, tuple_, update
from sqlalchemy.orm import Session

from webapp.base.db import db, write
from webapp.base.heavy.turns import queue_for_turn
from webapp.knowledge.permissions import COLLECTION, DOCUMENT
from webapp.knowledge.tables import Collection, Document, DocumentPart, Passage
from webapp.people.things import grants
from webapp.people.things.thing import due_until

# Each deleted passage is also removed from the full-text index.
PASSAGES_AT_ONCE = 50
# Two megabytes.
PARTS_AT_ONCE = 8
# The rows in one statement, because databases limit the number of parameters.
ROWS_AT_ONCE = 200
# Rows with this deletion time are deleted by the next run, even if the trash is never emptied: what they belonged to is already
# permanently deleted.
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def empty_some(session: Session, ids: Sequence[str]) -> bool:
    """Deletes one batch of the contents of these documents; returns whether there was any."""
    return _passages(session, ids) or _parts(session, ids)


def _passages(session: Session, ids: Sequence[str]) -> bool:
    rows = session.scalars(select(Passage.row).where(Passage.document_id.in_(ids)).limit(PASSAGES_AT_ONCE)).all()
    session.execute(delete(Passage).where(Passage.row.in_(rows)).execution_options(synchronize_session=False))
    return bool(rows)


def _parts(session: Session, ids: Sequence[str]) -> bool:
    key = DocumentPart.document_id, DocumentPart.number
    rows = session.execute(select(*key).where(DocumentPart.document_id.in_(ids)).limit(PARTS_AT_ONCE)).all()
    which = tuple_(*key).in_([tuple(row) for row in rows])
    session.execute(delete(DocumentPart).where(which).execution_options(synchronize_session=False))
    return bool(rows)


def empty() -> None:
    """Permanently deletes expired documents and collections in small batches."""
    while _erase_some(due_until() or LONG_AGO + timedelta(days=1)):
        queue_for_turn()


def is_waiting() -> bool:
    """Returns whether the trash contains anything that will expire."""
    is_emptied = due_until() is not None
    due = [table.deleted_at.is_not(None) if is_emptied else table.deleted_at == LONG_AGO for table in (Document, Collection)]
    waiting = (select(table.id).where(condition).limit(1) for table, condition in zip((Document, Collection), due, strict=True))
    return any(db.session.scalar(query) for query in waiting)


def _erase_some(due: datetime) -> bool:
    gone = select(Collection.id).where(Collection.deleted_at < due)
    documents = select(Document.id).where((Document.deleted_at < due) | Document.collection_id.in_(gone))
    with write() as session:
        if ids := session.scalars(documents.limit(ROWS_AT_ONCE)).all():
            if not empty_some(session, ids):
                _erase(session, Document, DOCUMENT, ids)
        elif ids := session.scalars(gone.limit(ROWS_AT_ONCE)).all():
            _erase(session, Collection, COLLECTION, ids)
    return bool(ids)


def _erase(session: Session, table: type[Collection] | type[Document], kind: str, ids: Sequence[str]) -> None:
    grants.forget(session, kind, ids)
    session.execute(delete(table).where(table.id.in_(ids)).execution_options(synchronize_session=False))


def hand_over(session: Session, person_id: str, heir_id: str) -> int:
    """Makes the heir the owner of the collections, with their documents and grants; the conversation memory is never passed on.

    The files of chats are passed on with the chats.
    """
    theirs = Collection.owner_id == person_id, Collection.is_memory.is_(False), Collection.chat_id.is_(None)
    statement = update(Collection).where(*theirs).values(owner_id=heir_id).returning(Collection.id)
    return len(session.scalars(statement.execution_options(synchronize_session=False)).all())


def delete_all_of(person_id: str) -> None:
    """Deletes the collections that have no heir, a few passages at a time."""
    with write() as session:
        statement = update(Collection).where(Collection.owner_id == person_id).values(deleted_at=LONG_AGO)
        session.execute(statement.execution_options(synchronize_session=False))
    empty()
