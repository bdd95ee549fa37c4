"""Chats and messages deleted for good: from the trash when their time is over, temporary chats also when they are closed."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, case, delete, literal, select, update
from sqlalchemy.orm import Session

from webapp.accounts import people
from webapp.accounts.tables import Grant
from webapp.chat.tables import Chat, Draft, Message
from webapp.extensions import db, utc_now, write
from webapp.generations.tables import WHILE_ACTIVE, Generation, JournalRow
from webapp.settings.service import setting

TEMPORARY_FOR = timedelta(days=1)
# What of a generation may hold words of its chat.
WORDLESS: dict[str, Any] = {"message_id": None, "prompt": {}, "notices": [], "attempts": [], "error": "", "sent_as": None}
BATCH = 500
T = TypeVar("T")


def empty_trash() -> int:
    """Delete for good what has lain in anybody's trash for longer than it is kept; gives how many chats that were."""
    days = int(setting("trash.days"))
    if not days:
        return 0
    due = utc_now() - timedelta(days=days)
    with write() as session:
        erase_branches(session, Message.deleted_at < due)
        return erase(session, Chat.deleted_at < due)


def forget_temporary() -> int:
    """Delete the temporary chats that began a day ago; gives how many that were."""
    with write() as session:
        return erase(session, day_is_over())


def day_is_over() -> ColumnElement[bool]:
    """Whether a chat is a temporary one that began a day ago."""
    return Chat.is_temporary & (Chat.created_at < utc_now() - TEMPORARY_FOR)


def is_something_waiting() -> bool:
    """Whether there is any chat or message whose time will come."""
    in_trash = [Chat.deleted_at.is_not(None), Message.deleted_at.is_not(None)] if int(setting("trash.days")) else []
    # One after the other, so that each is found by its own index.
    waiting = (select(literal(1)).where(which).limit(1) for which in (Chat.is_temporary, *in_trash))
    return any(db.session.scalar(query) is not None for query in waiting)


def erase(session: Session, which: ColumnElement[bool]) -> int:
    """Deletes the chats with all that is said in them; of temporary ones the cost of every answer stays on record."""
    # Held until the end: nobody begins an answer in one of them meanwhile.
    rows = session.execute(select(Chat.id, Chat.is_temporary).where(which).with_for_update()).all()
    for some in _batches(rows):
        if fleeting := [id for id, is_temporary in some if is_temporary]:
            _keep_costs(session, select(Message.id).where(Message.chat_id.in_(fleeting)))
        _erase(session, [id for id, _ in some])
    return len(rows)


def erase_branches(session: Session, which: ColumnElement[bool]) -> set[str]:
    """Deletes the deleted messages with all that stands below them, and of what chats; costs stay as they do for chats."""
    query = select(Message.id, Message.chat_id, Chat.is_temporary).join(Chat, Chat.id == Message.chat_id)
    rows = session.execute(query.where(Message.deleted_at.is_not(None), which).with_for_update()).all()
    for id, _, is_temporary in rows:
        _erase_branch(session, id, is_temporary=is_temporary)
    return {chat_id for _, chat_id, _ in rows}


def _keep_costs(session: Session, said: Select[str]) -> None:
    """Cuts the generations of these messages loose from them: they would be taken along."""
    here = session.scalars(select(Generation.id).where(Generation.message_id.in_(said))).all()
    session.execute(delete(JournalRow).where(JournalRow.generation_id.in_(here)))
    # Nobody would find what another page has begun in this very moment, and so nobody could stop it.
    stop_at = case((WHILE_ACTIVE, utc_now()), else_=Generation.stop_requested_at)
    loose = update(Generation).where(Generation.id.in_(here)).values(**WORDLESS, stop_requested_at=stop_at)
    session.execute(loose.execution_options(synchronize_session=False))


def _erase(session: Session, ids: Sequence[str]) -> None:
    session.execute(delete(Draft).where(Draft.chat_id.in_(ids)))
    session.execute(delete(Grant).where(Grant.object_kind == "chat", Grant.object_id.in_(ids)))
    _let_go(session, Message.chat_id.in_(ids))
    session.execute(delete(Chat).where(Chat.id.in_(ids)).execution_options(synchronize_session=False))


def _erase_branch(session: Session, id: str, *, is_temporary: bool) -> None:
    below = select(Message.id).where(Message.id == id).cte("below", recursive=True)
    below = below.union_all(select(Message.id).join(below, Message.parent_id == below.c.id))
    ids = session.scalars(select(below.c.id)).all()
    if any(session.scalar(select(Chat.id).where(Chat.head_id.in_(some)).limit(1)) for some in _batches(ids)):
        # Somebody wrote there in the very moment it was deleted: it is shown, and so it is not deleted.
        session.execute(update(Message).where(Message.id == id).values(deleted_at=None))
        return
    for some in _batches(ids):
        here = Message.id.in_(some)
        if is_temporary:
            _keep_costs(session, select(Message.id).where(here))
        _let_go(session, here)
    for some in _batches(ids):
        session.execute(delete(Message).where(Message.id.in_(some)).execution_options(synchronize_session=False))


def let_go_of(session: Session, owner_id: str) -> None:
    """Readies all that a person has said in chats of their own for being deleted with its chat."""
    _let_go(session, Message.chat_id.in_(select(Chat.id).where(Chat.owner_id == owner_id)))


def _let_go(session: Session, which: ColumnElement[bool]) -> None:
    """Each message by itself: SQLite deletes no line of a thousand of which each takes the next one along."""
    session.execute(update(Message).where(which).values(parent_id=None).execution_options(synchronize_session=False))


def _batches(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    return (rows[start : start + BATCH] for start in range(0, len(rows), BATCH))


people.LEAVING.append(let_go_of)
