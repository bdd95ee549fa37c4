"""Permanently deletes collections and documents that have been in the trash long enough."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from webapp.base.db import db, utc_now, write
from webapp.base.heavy.turns import queue_for_turn
from webapp.knowledge.emptying import empty_some
from webapp.knowledge.permissions import COLLECTION, DOCUMENT
from webapp.knowledge.tables import Collection, Document
from webapp.people.grants import grants
from webapp.settings.service import setting

# The rows in one statement, because databases limit the number of parameters.
ROWS_AT_ONCE = 200
# Rows with this deletion time are deleted by the next run, even if the trash is never emptied: what they belonged to is already
# permanently deleted.
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def empty() -> None:
    """Permanently deletes expired documents and collections in small batches."""
    days = int(setting("trash.days"))
    while _erase_some(utc_now() - timedelta(days=days) if days else LONG_AGO + timedelta(days=1)):
        queue_for_turn()


def is_waiting() -> bool:
    """Returns whether the trash contains anything that will expire."""
    is_emptied = bool(int(setting("trash.days")))
    due = [table.deleted_at.is_not(None) if is_emptied else table.deleted_at == LONG_AGO for table in (Document, Collection)]
    waiting = (select(table.id).where(which).limit(1) for table, which in zip((Document, Collection), due, strict=True))
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
