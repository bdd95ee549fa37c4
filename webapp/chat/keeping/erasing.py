"""Chats and messages deleted for good, a piece at a time: when their time is over, or when a person asks for it.

What the answers in them have cost stays on record, without a word of them.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from sqlalchemy import ColumnElement, Row, Select, and_, delete, func, literal, or_, select, update
from sqlalchemy.orm import Session

from webapp import topic_names
from webapp.accounts import people
from webapp.accounts.tables import Grant
from webapp.chat.files import keeping as files
from webapp.chat.tables import Chat, Draft, Message
from webapp.db import db, utc_now, write
from webapp.engine.cost_records import forget_asker, keep_costs_alone, of_messages
from webapp.engine.tables import WHILE_ACTIVE, Generation
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
        while _erase_some_below(id):
            stand_in_line()
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
            session.execute(delete(Grant).where(Grant.object_kind == "chat", Grant.object_id.in_(ids)))
            of_chats.let_go(session, ids)
            keep_costs_alone(session, Generation.lane.in_([topic_names.of_chat(id) for id in ids]) & WHILE_ACTIVE)
            nobodys = {"owner_id": None, "visitor_hash": None, "origin": ""}
            session.execute(update(Chat).where(Chat.id.in_(ids)).values(**nobodys))
    return len(ids)


def _erase_some() -> bool:
    """Deletes the next messages that are nobody's, or, when a few chats have none left, these chats; False after the last."""
    with write() as session:
        chats = session.scalars(select(Chat.id).where(NOBODYS).limit(CHATS)).all()
        rows = session.execute(_sizes().where(Message.chat_id.in_(chats)).limit(MESSAGES))
        if messages := _few(rows):
            # Their files are let go with the chats.
            _erase_messages(session, messages)
        else:
            session.execute(delete(Chat).where(Chat.id.in_(chats)).execution_options(synchronize_session=False))
    return bool(chats)


def _erase_some_below(id: str) -> bool:
    """Deletes some of what stands below a deleted message, at last the message itself; False when that is gone.

    A message that was brought back meanwhile stays, with what is left below it.
    """
    with write() as session:
        # Held until the end: nobody moves its head meanwhile.
        chat_id = select(Message.chat_id).where(Message.id == id).scalar_subquery()
        session.execute(select(Chat.id).where(Chat.id == chat_id).with_for_update())
        ids = _below(session, id)
        if not ids:
            return False
        if any(session.scalar(select(Chat.id).where(Chat.head_id.in_(some)).limit(1)) for some in _pieces(ids)):
            # Somebody wrote there at the moment it was deleted: it is shown, and so it is not deleted.
            session.execute(update(Message).where(Message.id == id).values(deleted_at=None))
            return False
        # The last come first, so that what is left always hangs together.
        last = list(reversed(ids[-MESSAGES:]))
        sizes = {row.id: row.size for row in session.execute(_sizes().where(Message.id.in_(last)))}
        few = _few((each, sizes[each]) for each in last)
        held = files.held_by(session, few)
        _erase_messages(session, few)
        files.let_go(session, held)
    return True


def _below(session: Session, id: str) -> list[str]:
    """A deleted message and all that stands below it, each behind its parent."""
    first = select(Message.id, literal(0).label("depth")).where(Message.id == id, Message.deleted_at.is_not(None))
    below = first.cte("below", recursive=True)
    below = below.union_all(select(Message.id, below.c.depth + 1).join(below, Message.parent_id == below.c.id))
    return list(session.scalars(select(below.c.id).order_by(below.c.depth)))


def _sizes() -> Select[str, int]:
    size = func.length(Message.content) + func.length(Message.html) + func.length(Message.reasoning)
    return select(Message.id, size.label("size"))


def _few(sizes: Iterable[tuple[str, int] | Row[str, int]]) -> list[str]:
    """The first of these messages, by how much is in them."""
    found: list[str] = []
    chars = 0
    for id, length in sizes:
        if found and chars + length > CHARS:
            break
        found.append(id)
        chars += length
    return found


def _erase_messages(session: Session, ids: Sequence[str]) -> None:
    keep_costs_alone(session, of_messages(select(Message.id).where(Message.id.in_(ids))))
    _let_go(session, Message.parent_id.in_(ids))
    session.execute(delete(Message).where(Message.id.in_(ids)).execution_options(synchronize_session=False))


def _let_go(session: Session, which: ColumnElement[bool]) -> None:
    """Each message by itself: SQLite deletes no line of a thousand of which each takes the next one along."""
    session.execute(update(Message).where(which).values(parent_id=None).execution_options(synchronize_session=False))


def _pieces(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + 500] for start in range(0, len(ids), 500)]


people.EMPTYING.append(erase_all_of)
people.LEAVING.append(let_go_of)
