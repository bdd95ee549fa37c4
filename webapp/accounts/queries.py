"""Queries for people, sessions and the audit log."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, or_, select, union

from webapp import rows
from webapp.accounts.fields import normal_email
from webapp.accounts.tables import ApiToken, AuditEntry, Group, Invite, Membership, User, UserSession
from webapp.db import db, utc_now
from webapp.errors import NotFound
from webapp.heavy import bounded
from webapp.heavy.turns import stand_in_line
from webapp.statements import Ready

# Of a person, as shown: each has a form of its own.
MOST_SESSIONS = 100
ENTRIES_AT_ONCE = 200


class LiveSession(NamedTuple):
    """What every request asks of the session that it comes with."""

    id: str
    seen_at: datetime
    user: User


def hashed(secret: str) -> str:
    """What the database keeps of a secret that nobody could guess."""
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def has_owner() -> bool:
    return db.session.scalar(select(User.id).where(User.role == "owner").limit(1)) is not None


def has_accounts() -> bool:
    return db.session.scalar(select(User.id).limit(1)) is not None


def user_by_email(email: str) -> User | None:
    """The account of an address, however that is typed, whether it is open or not."""
    return db.session.scalar(select(User).where(User.email == normal_email(email)))


def user_of(email: str) -> User:
    """The account of an address that somebody has typed; raises `NotFound`."""
    if user := user_by_email(email):
        return user
    raise NotFound(f"There is no account for {email}.")


def credentials(email: str) -> tuple[str, str] | None:
    """Id and password hash of the open account of this address."""
    found = db.session.execute(select(User.id, User.password_hash).where(User.email == email, User.disabled_at.is_(None)))
    row = found.first()
    return (row[0], row[1]) if row else None


def live_session(secret: str) -> LiveSession | None:
    """The session of this secret with its user, unless it has run out or the user is disabled."""
    session = db.session()
    row = LIVE_SESSION.first(session, {"token_hash": hashed(secret), "now": utc_now()})
    if row is None:
        return None
    (user,) = rows.read_beside(session, row, User)
    return LiveSession(row.session_id, row.seen_at, user)


def live_token(token: str) -> tuple[ApiToken, User] | None:
    """The API token and its person, unless it has run out or the person is disabled."""
    session = db.session()
    row = LIVE_TOKEN.first(session, {"token_hash": hashed(token), "now": utc_now()})
    if row is None:
        return None
    found, user = rows.read_beside(session, row, ApiToken, User)
    return found, user


def holder(name: str) -> User | None:
    """Whose session (`s` and its id) or token (`t` and its id) that is, while it opens anything."""
    kept: type[ApiToken] | type[UserSession] = ApiToken if name.startswith("t") else UserSession
    is_live = or_(kept.expires_at.is_(None), kept.expires_at > utc_now())
    wanted = select(User).join(kept, kept.user_id == User.id).where(kept.id == name[1:], is_live)
    return db.session.scalar(wanted.where(User.disabled_at.is_(None)))


# Links


def is_owner_link(token: str) -> bool:
    """Whether the link with this token can still make the owner."""
    found = db.session.scalar(select(Invite.id).where(Invite.token_hash == hashed(token), Invite.role == "owner", *_is_open()))
    return found is not None and not has_owner()


def open_invite(token: str) -> Invite | None:
    """The invite of this token while it can make an account."""
    is_invite = Invite.user_id.is_(None), Invite.role != "owner"
    return db.session.scalar(select(Invite).where(Invite.token_hash == hashed(token), *is_invite, *_is_open()))


def open_password_link(token: str) -> tuple[Invite, User] | None:
    """The link of this token, and whose password it changes, while it can and the account is open."""
    wanted = select(Invite, User).join(User, User.id == Invite.user_id).where(Invite.token_hash == hashed(token), *_is_open())
    row = db.session.execute(wanted.where(User.disabled_at.is_(None))).first()
    return (row[0], row[1]) if row else None


def open_invites() -> Sequence[Invite]:
    wanted = select(Invite).where(Invite.user_id.is_(None), Invite.role != "owner", *_is_open())
    return db.session.scalars(wanted.order_by(Invite.id.desc())).all()


def _is_open() -> tuple[ColumnElement[bool], ...]:
    return Invite.used_at.is_(None), Invite.expires_at > utc_now()


# What belongs to a person


def sessions_of(user_id: str) -> Sequence[UserSession]:
    """The browsers in which somebody is signed in, the one used last first. A program may leave thousands."""
    wanted = select(UserSession).where(UserSession.user_id == user_id, UserSession.expires_at > utc_now())
    return db.session.scalars(wanted.order_by(UserSession.seen_at.desc(), UserSession.id.desc()).limit(MOST_SESSIONS)).all()


def addresses_of(sessions: Iterable[UserSession]) -> dict[str, str]:
    """From where each session was opened, as the audit log has it."""
    since = min((each.created_at for each in sessions), default=utc_now())
    wanted = select(AuditEntry.object_id, AuditEntry.address).where(AuditEntry.at >= since, AuditEntry.object_kind == "session")
    rows = db.session.execute(wanted.where(AuditEntry.object_id.in_([each.id for each in sessions])))
    return {row[0]: row[1] for row in rows}


def tokens_of(user_id: str) -> Sequence[ApiToken]:
    return db.session.scalars(select(ApiToken).where(ApiToken.user_id == user_id).order_by(ApiToken.id.desc())).all()


# People and groups


def person(id: str) -> User | None:
    return db.session.get(User, id)


def groups() -> Sequence[tuple[Group, int]]:
    """All groups by name, with how many people are in each."""
    size = func.count(Membership.user_id)
    wanted = select(Group, size).outerjoin(Membership, Membership.group_id == Group.id).group_by(Group.id)
    return [(row[0], row[1]) for row in db.session.execute(wanted.order_by(func.lower(Group.name), Group.id))]


def group(id: str) -> Group | None:
    return db.session.get(Group, id)


def group_by_name(name: str) -> Group | None:
    """The group of this name, whichever letters are large."""
    found = db.session.scalars(select(Group))
    return next((each for each in found if each.name.casefold() == name.casefold()), None)


def people_of(group_id: str) -> Sequence[User]:
    wanted = select(User).join(Membership, Membership.user_id == User.id).where(Membership.group_id == group_id)
    return db.session.scalars(wanted.order_by(func.lower(User.name), User.id)).all()


def groups_of(user_id: str) -> Sequence[Group]:
    wanted = select(Group).join(Membership, Membership.group_id == Group.id).where(Membership.user_id == user_id)
    return db.session.scalars(wanted.order_by(func.lower(Group.name), Group.id)).all()


# The audit log


def audit_entries(*, person: str = "", action: str = "", before: str = "", limit: int) -> Iterator[AuditEntry]:
    """What was done, newest first: by or to the person of this address, and older than the entry named.

    Raises `TooLate` when the database takes long.
    """
    wanted = select(AuditEntry.id).order_by(AuditEntry.id.desc()).limit(limit)
    if action:
        wanted = wanted.where(AuditEntry.action == action)
    if before:
        wanted = wanted.where(AuditEntry.id < before)
    return _entries(bounded.column(_of_any(wanted, _about(person), limit) if person else wanted))


def _about(person: str) -> list[ColumnElement[bool]]:
    """In each of which ways an entry can be about somebody."""
    user = user_by_email(person)
    is_about = and_(AuditEntry.object_kind == "person", AuditEntry.object_id == (user.id if user else person))
    return [is_about, *(AuditEntry.actor == name for name in dict.fromkeys((normal_email(person), person)))]


def _of_any(wanted: Select[Any], ways: Iterable[ColumnElement[bool]], limit: int) -> Select[Any]:
    """The first that are wanted in any of these ways: each has an index of its own, or all entries would be looked through."""
    found = union(*(select(wanted.where(way).subquery().c.id) for way in ways)).subquery()
    return select(found.c.id).order_by(found.c.id.desc()).limit(limit)


def _entries(ids: Sequence[str]) -> Iterator[AuditEntry]:
    """A few at a time; others have their turn between."""
    for start in range(0, len(ids), ENTRIES_AT_ONCE):
        some = select(AuditEntry).where(AuditEntry.id.in_(ids[start : start + ENTRIES_AT_ONCE]))
        yield from db.session.scalars(some.order_by(AuditEntry.id.desc())).all()
        if len(ids) > ENTRIES_AT_ONCE:
            stand_in_line()


def audit_actions() -> Sequence[str]:
    """Everything that was ever done, once, to choose from."""
    # From each to the next in the index: they are few, and their entries many.
    first = select(func.min(AuditEntry.action).label("action")).cte("actions", recursive=True)
    following = select(func.min(AuditEntry.action)).where(AuditEntry.action > first.c.action).scalar_subquery()
    found = first.union_all(select(following).where(first.c.action.is_not(None)))
    return bounded.column(select(found.c.action).where(found.c.action.is_not(None)))


def _live_session_statement() -> Select[Any]:
    opened, user = rows.table(UserSession), rows.table(User)
    wanted = select(user, opened.c.id.label("session_id"), opened.c.seen_at)
    wanted = wanted.join_from(opened, user, user.c.id == opened.c.user_id)
    wanted = wanted.where(opened.c.token_hash == bindparam("token_hash"), opened.c.expires_at > bindparam("now"))
    return wanted.where(user.c.disabled_at.is_(None))


def _live_token_statement() -> Select[Any]:
    token, user = rows.table(ApiToken), rows.table(User)
    wanted = select(token, user).join_from(token, user, user.c.id == token.c.user_id)
    is_live = or_(token.c.expires_at.is_(None), token.c.expires_at > bindparam("now"))
    return wanted.where(token.c.token_hash == bindparam("token_hash"), is_live, user.c.disabled_at.is_(None))


# Made once, as every request asks: to put them together costs as much as to run them.
LIVE_SESSION, LIVE_TOKEN = Ready(_live_session_statement()), Ready(_live_token_statement())
