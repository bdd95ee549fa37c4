"""Cost records of deleted generations: usage and cost are kept, the text is not."""

from typing import Any

from sqlalchemy import ColumnElement, Select, case, delete, select, update
from sqlalchemy.orm import Session

from webapp.db import utc_now, write
from webapp.engine.tables import NOT_HERE, WHILE_ACTIVE, Generation, JournalRow
from webapp.heavy.turns import stand_in_line

# What of a generation may hold words of its chat or its plan.
WORDLESS: dict[str, Any] = {"message_id": None, "prompt": {}, "notices": [], "attempts": [], "error": "", "sent_as": None}
# How many are cut loose from who asked in one transaction.
AT_ONCE = 500


def of_messages(messages: Select[str]) -> ColumnElement[bool]:
    """The generations of these messages that cost somebody something: not those run elsewhere, nor those for visitors."""
    return Generation.message_id.in_(messages) & (Generation.kind != NOT_HERE) & Generation.user_id.is_not(None)


def keep_costs_alone(session: Session, which: ColumnElement[bool]) -> None:
    """Takes every word from these generations and cuts them loose from their messages, which would take them along."""
    session.execute(delete(JournalRow).where(JournalRow.generation_id.in_(select(Generation.id).where(which))))
    # Nobody would find what another page has begun at this moment, and so nobody could stop it.
    stop_at = case((WHILE_ACTIVE, utc_now()), else_=Generation.stop_requested_at)
    loose = update(Generation).where(which).values(**WORDLESS, stop_requested_at=stop_at)
    session.execute(loose.execution_options(synchronize_session=False))


def forget_asker(person_id: str) -> None:
    """Says no longer who asked for these generations, a few at a time: a person who leaves may have had any number."""
    while _forget_some(person_id):
        stand_in_line()


def _forget_some(person_id: str) -> bool:
    with write() as session:
        theirs = select(Generation.id).where(Generation.user_id == person_id).limit(AT_ONCE)
        if ids := session.scalars(theirs).all():
            loose = update(Generation).where(Generation.id.in_(ids)).values(user_id=None)
            session.execute(loose.execution_options(synchronize_session=False))
    return bool(ids)
