"""How long chats are kept: those left untouched go to the trash, after they have announced it for a week.

A sweep announces each chat (`leaves_at`), and a later one moves it, if it is still due by then. So a new rule, another group or
a clock that was wrong moves nothing at once. Opening a chat doesn't touch it: messages, versions, and changes of its title, pin,
place, shares or settings do.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, func, literal, or_, select, update
from sqlalchemy.orm import Session

from webapp.base import topic_names
from webapp.base.db import db, write
from webapp.base.heavy.turns import queue_for_turn
from webapp.base.keeping_clock import keeping_now
from webapp.chat import erasing
from webapp.chat.messages import chats
from webapp.chat.record.tables import Chat, Project
from webapp.engine.tables import WHILE_ACTIVE, Generation
from webapp.people.members import chat_days
from webapp.people.members.chat_days import ChatLoss, ChatRules
from webapp.settings.losses import LosingSetting, Loss

# How long before it leaves a chat says so; with a rule of fewer days, as long as that.
NOTICE = timedelta(days=7)
AT_ONCE = 200
TOUCHED: ColumnElement[datetime] = case(
    (func.coalesce(Chat.touched_at, Chat.changed_at) > Chat.changed_at, Chat.touched_at), else_=Chat.changed_at
)


def can_leave() -> ColumnElement[bool]:
    """Matches chats that some rule can move to the trash: nothing keeps them."""
    keeping = select(Project.id).where(Project.keeps_chats, Project.deleted_at.is_(None))
    is_open = and_(Chat.owner_id.is_not(None), Chat.deleted_at.is_(None), Chat.is_temporary.is_(False))
    is_free = or_(Chat.project_id.is_(None), Chat.project_id.not_in(keeping))
    return and_(is_open, is_free, Chat.pinned_at.is_(None), Chat.is_kept.is_(False))


def sweep() -> bool:
    """Moves to the trash what has been announced and is still due, and announces what comes next; returns whether a rule holds.

    In pieces: a transaction changes a few chats, and others go on in between.
    """
    now, rules = keeping_now(), chat_days.rules()
    while some := _leaving(now):
        for days, chat_ids in _by_days(some, rules).items():
            _move(chat_ids, days, now)
        queue_for_turn()
    if rules.delete_nothing:
        return False
    for ids in chat_days.everybody():
        for days, owners in _people_by_days(ids, rules).items():
            while _announce_some(owners, days, now):
                queue_for_turn()
    return True


def leaves_on(rows: Iterable[Chat]) -> dict[str, datetime]:
    """Returns when chats go to the trash, by their ids: those that have been announced and not been touched since."""
    announced = [row for row in rows if row.leaves_at]
    if not announced:
        return {}
    leaving = set(db.session.scalars(select(Chat.id).where(Chat.id.in_([row.id for row in announced]), can_leave())))
    days_by_owner = chat_days.days_of({row.owner_id or "" for row in announced}, chat_days.rules())
    due = [row for row in announced if row.id in leaving and _is_due_by_then(row, days_by_owner)]
    return {row.id: row.leaves_at for row in due if row.leaves_at}


def _is_due_by_then(row: Chat, days_by_owner: Mapping[str, int]) -> bool:
    days, touched_at = days_by_owner[row.owner_id or ""], max(row.changed_at, row.touched_at or row.changed_at)
    return bool(days and row.leaves_at and touched_at + timedelta(days=days) <= row.leaves_at)


def has_rule(row: Chat) -> bool:
    """Returns whether its owner's chats ever go to the trash by themselves."""
    return bool(row.owner_id and chat_days.rule_of(row.owner_id)[0])


def keep(*rows: Chat, is_kept: bool) -> None:
    """Rules out for ever that these chats go to the trash by themselves, or lets the rule hold for them again."""
    with write():
        for row in rows:
            row.is_kept = is_kept
            if is_kept:
                row.leaves_at = None
            else:
                row.touch()
    chats.announce(rows)


def _leaving(now: datetime) -> dict[str, str]:
    """Returns the next chats whose announced time has come, with their owners."""
    query = select(Chat.id, Chat.owner_id).where(Chat.leaves_at <= now, Chat.leaves_at.is_not(None))
    return {id: owner_id or "" for id, owner_id in db.session.execute(query.order_by(Chat.leaves_at).limit(AT_ONCE))}


def _by_days(owners: Mapping[str, str], rules: ChatRules) -> Mapping[int, list[str]]:
    days_by_owner, ids_by_days = chat_days.days_of(set(owners.values()), rules), defaultdict[int, list[str]](list)
    for id, owner_id in owners.items():
        ids_by_days[days_by_owner[owner_id]].append(id)
    return ids_by_days


def _people_by_days(ids: Sequence[str], rules: ChatRules) -> Mapping[int, list[str]]:
    people_by_days = defaultdict[int, list[str]](list)
    for id, days in chat_days.days_of(ids, rules).items():
        if days:
            people_by_days[days].append(id)
    return people_by_days


def _move(ids: Sequence[str], days: int, now: datetime) -> None:
    """Moves those of these chats to the trash that are due, and takes the announcement from all; with 0 days none are."""
    due_query = select(Chat).where(Chat.id.in_(ids), can_leave(), now - timedelta(days=days) >= TOUCHED, ~_is_answering())
    with write() as session:
        due = session.scalars(due_query.with_for_update()).all() if days else []
        chats.hide(session, due)
        _forget_announcements(session, ids)
    chats.tell_of_trash(due)
    if due:
        erasing.wake()


def _forget_announcements(session: Session, ids: Sequence[str]) -> None:
    statement = update(Chat).where(Chat.id.in_(ids)).values(leaves_at=None)
    session.execute(statement.execution_options(synchronize_session=False))


def _announce_some(owners: Sequence[str], days: int, now: datetime) -> bool:
    """Announces the next chats of people with a rule of these days that leave within the notice; returns whether there were any.

    An announcement for a later time was made by a clock that was ahead.
    """
    notice = min(NOTICE, timedelta(days=days))
    is_next = or_(Chat.leaves_at.is_(None), Chat.leaves_at > now + NOTICE)
    query = select(Chat.id, TOUCHED).where(Chat.owner_id.in_(owners), Chat.changed_at <= now + notice - timedelta(days=days))
    query = query.where(can_leave(), now + notice - timedelta(days=days) >= TOUCHED, is_next).limit(AT_ONCE)
    with write() as session:
        rows = session.execute(query).all()
        for id, touched_at in rows:
            leaves_at = max(touched_at + timedelta(days=days), now + notice)
            session.execute(update(Chat).where(Chat.id == id).values(leaves_at=leaves_at))
    return bool(rows)


def _is_answering() -> ColumnElement[bool]:
    return select(Generation.id).where(Generation.lane == literal(topic_names.of_chat("")) + Chat.id, WHILE_ACTIVE).exists()


def count_loss(before: ChatRules, after: ChatRules) -> Loss:
    """Counts the chats that the second rules would move to the trash, and the first wouldn't by now."""
    now, count, people, oldest = keeping_now(), 0, 0, list[datetime]()
    for ids in chat_days.everybody():
        for condition in _lost(ids, before, after, now):
            query = select(func.count(), func.count(Chat.owner_id.distinct()), func.min(TOUCHED)).where(condition)
            more, owners, first = db.session.execute(query).one()
            count, people = count + more, people + owners
            oldest += [first] if first else []
    end = "would go to the trash after a notice of a week, and later be deleted permanently"
    return Loss(chat_days.SETTING, "chat", count, people, min(oldest, default=None), end)


def _lost(ids: Sequence[str], before: ChatRules, after: ChatRules, now: datetime) -> Iterator[ColumnElement[bool]]:
    """Yields the conditions of what these people would lose, one for each pair of days that is stricter than before."""
    past, owners = chat_days.days_of(ids, before), defaultdict[tuple[int, int], list[str]](list)
    for id, days in chat_days.days_of(ids, after).items():
        if days and (not past[id] or days < past[id]):
            owners[past[id], days].append(id)
    for (days_before, days), owner_ids in owners.items():
        condition = Chat.owner_id.in_(owner_ids) & can_leave() & (now - timedelta(days=days) >= TOUCHED)
        yield condition & (now - timedelta(days=days_before) < TOUCHED) if days_before else condition


CHAT_LOSS = ChatLoss(count_loss)
OF_CHATS = LosingSetting(chat_days.SETTING, chat_days.team_loss)
