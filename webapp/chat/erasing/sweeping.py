"""Deletes expired chats every quarter of an hour, as long as there are chats that will expire."""

from sqlalchemy.orm import Session

from webapp.characters import profiles
from webapp.characters.lore import service as lore
from webapp.chat.erasing import cleanup as files
from webapp.chat.erasing import erasing, temporary
from webapp.engine.chores import Chore, do_in_turns
from webapp.knowledge import trash
from webapp.people.members import people

STEPS = (
    erasing.finish,
    erasing.empty_trash,
    profiles.empty_trash,
    lore.empty_trash,
    trash.empty,
    temporary.stop_due,
    erasing.erase_temporary,
    files.sweep,
)


def sweep() -> bool:
    """Deletes what has expired, yielding to other greenlets in between; returns whether more will expire."""
    return do_in_turns(STEPS) and (erasing.has_expiring() or trash.is_waiting() or files.has_unsent())


def _sweep_after_deletion(_session: Session, _person_id: str) -> None:
    """Wakes the sweeper when a person leaves: the files of their chats are deleted after the chats."""
    wake()


wake = Chore("sweeper", sweep, every_seconds=900.0, most_seconds=30.0).wake
people.BEFORE_DELETION.append(_sweep_after_deletion)
