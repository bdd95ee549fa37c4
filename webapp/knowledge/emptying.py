"""Deletes the contents of documents in small batches before their rows: deleting a large file takes as long as reading it."""

from collections.abc import Sequence

from sqlalchemy import delete, select, tuple_
from sqlalchemy.orm import Session

from webapp.knowledge.tables import DocumentPart, Passage

# Each deleted passage is also removed from the full-text index.
PASSAGES_AT_ONCE = 50
# Two megabytes.
PARTS_AT_ONCE = 8


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
    which = tuple_(*key).in_([tuple(each) for each in rows])
    session.execute(delete(DocumentPart).where(which).execution_options(synchronize_session=False))
    return bool(rows)
