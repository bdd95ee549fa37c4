"""Cost records of deleted generations: usage and cost are kept, the text is not."""

from typing import Any

from sqlalchemy import ColumnElement, Select, case, delete, select, update
from sqlalchemy.orm import Session

from webapp.base.db import utc_now, write
from webapp.base.heavy.turns import queue_for_turn
from webapp.engine.tables import NOT_HERE, WHILE_ACTIVE, Generation, JournalRow

# Values that replace everything that can contain text of the chat or the plan.
WORDLESS: dict[str, Any] = {"message_id": None, "prompt": {}, "notices": [], "attempts": [], "error": "", "sent_as": None}
# How many generations are detached from their user per transaction.
AT_ONCE = 500


def of_messages(messages: Select[str]) -> ColumnElement[bool]:
    """Selects the messages' generations that count as a user's usage: no imported ones, and none of visitors."""
    return Generation.message_id.in_(messages) & (Generation.kind != NOT_HERE) & Generation.user_id.is_not(None)


def keep_costs_alone(session: Session, which: ColumnElement[bool]) -> None:
    """Removes all text from these generations and detaches them from their messages, so that no cascade deletes them."""
    session.execute(delete(JournalRow).where(JournalRow.generation_id.in_(select(Generation.id).where(which))))
    # Requests a stop: a generation that another page has just begun could no longer be found, and so not be stopped.
    stop_at = case((WHILE_ACTIVE, utc_now()), else_=Generation.stop_requested_at)
    loose = update(Generation).where(which).values(**WORDLESS, stop_requested_at=stop_at)
    session.execute(loose.execution_options(synchronize_session=False))


def forget_asker(person_id: str) -> None:
    """Removes the user from their generations, in batches: an account being deleted can have any number."""
    while _forget_some(person_id):
        queue_for_turn()


def _forget_some(person_id: str) -> bool:
    with write() as session:
        theirs = select(Generation.id).where(Generation.user_id == person_id).limit(AT_ONCE)
        if ids := session.scalars(theirs).all():
            loose = update(Generation).where(Generation.id.in_(ids)).values(user_id=None)
            session.execute(loose.execution_options(synchronize_session=False))
    return bool(ids)
