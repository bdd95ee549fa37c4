"""Chats deleted for good: from the trash when their time is over, temporary ones when they are closed or a day old."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from webapp.accounts.tables import Grant
from webapp.chat.tables import Chat, Draft, Message
from webapp.extensions import db, utc_now, write
from webapp.generations.tables import Generation, JournalRow
from webapp.settings.service import setting

TEMPORARY_FOR = timedelta(days=1)
# What of a generation may hold words of its chat.
WORDLESS: dict[str, Any] = {"message_id": None, "prompt": {}, "notices": [], "attempts": [], "error": "", "sent_as": None}
BATCH = 500


def empty_trash() -> int:
    """Delete for good what has lain in anybody's trash for longer than it is kept; gives how many chats that were."""
    days = int(setting("trash.days"))
    if not days:
        return 0
    with write() as session:
        return erase(session, Chat.deleted_at < utc_now() - timedelta(days=days))


def forget_temporary() -> int:
    """Delete the temporary chats that began a day ago; gives how many that were."""
    with write() as session:
        return erase(session, day_is_over())


def day_is_over() -> ColumnElement[bool]:
    """Whether a chat is a temporary one that began a day ago."""
    return Chat.is_temporary & (Chat.created_at < utc_now() - TEMPORARY_FOR)


def is_something_waiting() -> bool:
    """Whether there is any chat whose time will come."""
    in_trash = [Chat.deleted_at.is_not(None)] if int(setting("trash.days")) else []
    # One after the other, so that each is found by its own index.
    waiting = (select(Chat.id).where(which).limit(1) for which in (Chat.is_temporary, *in_trash))
    return any(db.session.scalar(query) is not None for query in waiting)


def erase(session: Session, which: ColumnElement[bool]) -> int:
    """Deletes the chats with all that is said in them; of temporary ones the cost of every answer stays on record."""
    # Held until the end: nobody begins an answer in one of them meanwhile.
    rows = session.execute(select(Chat.id, Chat.is_temporary).where(which).with_for_update()).all()
    for start in range(0, len(rows), BATCH):
        some = rows[start : start + BATCH]
        _keep_costs(session, [id for id, is_temporary in some if is_temporary])
        _erase(session, [id for id, _ in some])
    return len(rows)


def _keep_costs(session: Session, ids: Sequence[str]) -> None:
    """Cuts the generations of these chats loose from their messages, which would take them along."""
    if not ids:
        return
    said = select(Message.id).where(Message.chat_id.in_(ids))
    here = session.scalars(select(Generation.id).where(Generation.message_id.in_(said))).all()
    session.execute(delete(JournalRow).where(JournalRow.generation_id.in_(here)))
    loose = update(Generation).where(Generation.id.in_(here)).values(**WORDLESS)
    session.execute(loose.execution_options(synchronize_session=False))


def _erase(session: Session, ids: Sequence[str]) -> None:
    session.execute(delete(Draft).where(Draft.chat_id.in_(ids)))
    session.execute(delete(Grant).where(Grant.object_kind == "chat", Grant.object_id.in_(ids)))
    session.execute(delete(Chat).where(Chat.id.in_(ids)).execution_options(synchronize_session=False))
