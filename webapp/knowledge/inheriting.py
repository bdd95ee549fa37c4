"""Passes a deleted account's collections to the person named as heir, or deletes them if there is none."""

from sqlalchemy import update
from sqlalchemy.orm import Session

from webapp.base.db import write
from webapp.knowledge import trash
from webapp.knowledge.tables import Collection
from webapp.people.members import people


def hand_over(session: Session, person_id: str, heir_id: str) -> None:
    """Makes the heir the owner of the collections, with their documents and grants; the conversation memory is never passed on.

    The files of chats are passed on with the chats.
    """
    theirs = Collection.owner_id == person_id, Collection.is_memory.is_(False), Collection.chat_id.is_(None)
    statement = update(Collection).where(*theirs).values(owner_id=heir_id)
    session.execute(statement.execution_options(synchronize_session=False))


def empty(person_id: str) -> None:
    """Deletes the collections that have no heir, a few passages at a time."""
    with write() as session:
        statement = update(Collection).where(Collection.owner_id == person_id).values(deleted_at=trash.LONG_AGO)
        session.execute(statement.execution_options(synchronize_session=False))
    trash.empty()


people.TRANSFERS.append(hand_over)
people.BATCH_DELETERS.append(empty)
