"""Chats and messages deleted for good, a piece at a time: when their time is over, or when a person asks for it.

What the answers in them have cost stays on record, without a word of them.
"""

from collections.abc import Container, Sequence
from datetime import timedelta

from sqlalchemy import ColumnElement, and_, delete, func, literal, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from webapp import topic_names
from webapp.accounts import grants, people
from webapp.chat.files import keeping as files
from webapp.chat.sizes import few
from webapp.chat.tables import Chat, Draft, Message
from webapp.db import db, is_sqlite, utc_now, write
from webapp.engine.cost_records import forget_asker, keep_costs_alone, of_messages
from webapp.engine.tables import WHILE_ACTIVE, Generation
from webapp.heavy import bounded
from webapp.heavy.threads import offload_at_once
from webapp.heavy.turns import stand_in_line
from webapp.knowledge import of_chats, trash
from webapp.settings.service import setting

TEMPORARY_FOR = timedelta(days=1)
# How much is deleted in one go. To delete text takes the index of the search as long as to read it.
CHATS, MESSAGES, CHARS = 200, 200, 1_000_000
# Deleted chats whose messages have not all gone yet: already they are nobody's. Said so that the index of owners finds them.
NOBODYS = and_(Chat.owner_id.is_(None), func.coalesce(Chat.visitor_hash, "") == "")
SOMEBODYS = or_(Chat.owner_id.is_not(None), Chat.visitor_hash.is_not(None))


def empty_trash() -> int:
    """Delete for good what has lain in anybody's trash for longer than it is kept; gives how many chats that were."""
    days = int(setting("trash.days"))
    if not days:
        return 0
    due = utc_now() - timedelta(days=days)
    erase_branches(Message.deleted_at < due)
    return erase(Chat.deleted_at < due)


def forget_temporary() -> int:
    """Delete the temporary chats that began a day ago; gives how many that were."""
    return erase(day_is_over())


def day_is_over() -> ColumnElement[bool]:
    """Whether a chat is a temporary one that began a day ago."""
    return Chat.is_temporary & (Chat.created_at < utc_now() - TEMPORARY_FOR)


def is_something_waiting() -> bool:
    """Whether there is any chat or message whose time will come."""
    in_trash = [Chat.deleted_at.is_not(None), Message.deleted_at.is_not(None)] if int(setting("trash.days")) else []
    # One after the other, so that each is found by its own index.
    waiting = (select(literal(1)).where(which).limit(1) for which in (NOBODYS, Chat.is_temporary, *in_trash))
    return any(db.session.scalar(query) is not None for query in waiting)


def erase(which: ColumnElement[bool]) -> int:
    """Deletes the chats with all that is said in them; gives how many they were.

    First they are taken from whoever has them, so that nobody finds them or begins an answer in one of them.
    """
    count = 0
    while taken := take_away(which):
        count += taken
        stand_in_line()
    if count:
        finish()
        trash.empty()
    return count


def finish() -> None:
    """Deletes what was taken away, also what an earlier process has left behind."""
    while _erase_some():
        # Between two pieces, others have their turn.
        stand_in_line()


def erase_branches(which: ColumnElement[bool]) -> set[str]:
    """Deletes the deleted messages with all that stands below them; gives of what chats."""
    query = select(Message.id, Message.chat_id).where(Message.deleted_at.is_not(None), which)
    rows = db.session.execute(query).all()
    for id, _ in rows:
        # Again where somebody has written there meanwhile.
        while below := _below(id):
            _erase_below(id, below)
    return {chat_id for _, chat_id in rows}


def erase_all_of(owner_id: str) -> None:
    """Deletes all chats of a person who leaves; what their answers have cost is then nobody's."""
    erase(Chat.owner_id == owner_id)
    forget_asker(owner_id)


def let_go_of(session: Session, owner_id: str) -> None:
    """Readies what a person has said in chats begun since then for being deleted with its chat."""
    mine = Message.chat_id.in_(select(Chat.id).where(Chat.owner_id == owner_id))
    keep_costs_alone(session, of_messages(select(Message.id).where(mine)))
    _let_go(session, mine)


def take_away(which: ColumnElement[bool]) -> int:
    """Makes some of these chats nobody's, with all rights in them; gives how many. `finish` deletes what they hold."""
    with write() as session:
        query = select(Chat.id).where(which, SOMEBODYS).limit(CHATS).with_for_update()
        ids = session.scalars(query).all()
        if ids:
            session.execute(delete(Draft).where(Draft.chat_id.in_(ids)))
            grants.forget(session, "chat", ids)
            of_chats.let_go(session, ids)
            keep_costs_alone(session, Generation.lane.in_([topic_names.of_chat(id) for id in ids]) & WHILE_ACTIVE)
            nobodys = {"owner_id": None, "visitor_hash": None, "origin": ""}
            session.execute(update(Chat).where(Chat.id.in_(ids)).values(**nobodys))
    return len(ids)


def _erase_some() -> bool:
    """Deletes the next messages that are nobody's, or, when a few chats have none left, these chats; False after the last."""
    with write() as session:
        chats = session.scalars(select(Chat.id).where(NOBODYS).limit(CHATS)).all()
        messages = session.scalars(select(Message.id).where(Message.chat_id.in_(chats)).limit(MESSAGES)).all()
        if messages:
            # Their files are let go with the chats.
            _erase_messages(session, few(session, messages, CHARS))
        else:
            session.execute(delete(Chat).where(Chat.id.in_(chats)).execution_options(synchronize_session=False))
    return bool(chats)


def _erase_below(id: str, ids: list[str]) -> None:
    """Deletes what stands below a deleted message, each behind its parent, and at last the message itself.

    Ends early where something new stands there, or where it was brought back: then that stays, with what is left below it.
    """
    # The last come first, so that what is left always hangs together.
    left, all_ids = ids[::-1], frozenset(ids)
    while left and (count := _erase_first(id, left[:MESSAGES], all_ids)):
        left = left[count:]
        stand_in_line()


def _erase_first(id: str, ids: Sequence[str], all_ids: Container[str]) -> int:
    """Deletes the first of these messages; gives how many."""
    with write() as session:
        some = few(session, ids, CHARS) if _may_go(session, id, all_ids) else []
        new = select(Message.id).where(Message.parent_id.in_(some), Message.id.not_in(some)).limit(1)
        if not some or session.scalar(new) is not None:
            return 0
        held = files.held_by(session, some)
        _erase_messages(session, some)
        files.let_go(session, held)
    return len(some)


def _may_go(session: Session, id: str, all_ids: Container[str]) -> bool:
    """Whether the message is still deleted; one below which somebody wrote at that moment is shown, and so it comes back."""
    chat_id = select(Message.chat_id).where(Message.id == id, Message.deleted_at.is_not(None)).scalar_subquery()
    # Held until the end: nobody moves its head meanwhile.
    chat = session.execute(select(Chat.head_id).where(Chat.id == chat_id).with_for_update()).first()
    if chat is None:
        return False
    if is_shown := chat.head_id in all_ids:
        session.execute(update(Message).where(Message.id == id).values(deleted_at=None))
    return not is_shown


def _below(id: str) -> list[str]:
    """A deleted message and all that stands below it, each behind its parent."""
    first = select(Message.id, literal(0).label("depth")).where(Message.id == id, Message.deleted_at.is_not(None))
    below = first.cte("below", recursive=True)
    below = below.union_all(select(Message.id, below.c.depth + 1).join(below, Message.parent_id == below.c.id))
    return bounded.column(select(below.c.id).order_by(below.c.depth))


def _erase_messages(session: Session, ids: Sequence[str]) -> None:
    keep_costs_alone(session, of_messages(select(Message.id).where(Message.id.in_(ids))))
    _let_go(session, Message.parent_id.in_(ids))
    statement = delete(Message).where(Message.id.in_(ids)).execution_options(synchronize_session=False)
    # All their words are taken out of the index: one answer may have hundreds of thousands.
    if is_sqlite():
        offload_at_once(SQLAlchemyError, session.connection().execute, statement)
    else:
        session.execute(statement)


def _let_go(session: Session, which: ColumnElement[bool]) -> None:
    """Each message by itself: SQLite deletes no line of a thousand of which each takes the next one along."""
    session.execute(update(Message).where(which).values(parent_id=None).execution_options(synchronize_session=False))


people.EMPTYING.append(erase_all_of)
people.LEAVING.append(let_go_of)
