"""Who has a person's collections after them: somebody who is named when their account is deleted, or nobody."""

from sqlalchemy import update
from sqlalchemy.orm import Session

from webapp.accounts import people
from webapp.db import write
from webapp.knowledge import trash
from webapp.knowledge.tables import Collection


def hand_over(session: Session, person_id: str, heir_id: str) -> None:
    """Makes their collections the heir's, with their documents and with whoever may see them; a memory is nobody else's.

    The files of their chats go with these.
    """
    theirs = Collection.owner_id == person_id, Collection.is_memory.is_(False), Collection.chat_id.is_(None)
    statement = update(Collection).where(*theirs).values(owner_id=heir_id)
    session.execute(statement.execution_options(synchronize_session=False))


def empty(person_id: str) -> None:
    """Deletes the collections that nobody has after them, a few passages at a time."""
    with write() as session:
        statement = update(Collection).where(Collection.owner_id == person_id).values(deleted_at=trash.LONG_AGO)
        session.execute(statement.execution_options(synchronize_session=False))
    trash.empty()


people.INHERITED.append(hand_over)
people.EMPTYING.append(empty)
