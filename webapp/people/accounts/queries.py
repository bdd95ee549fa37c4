"""Database queries for people, sessions and the audit log."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, func, or_, select, union

from webapp.base.audit import AuditEntry
from webapp.base.database import rows
from webapp.base.database.statements import Prepared
from webapp.base.db import db, utc_now
from webapp.base.errors import NotFound
from webapp.base.heavy import bounded
from webapp.base.heavy.turns import queue_for_turn
from webapp.people.accounts.fields import normal_email
from webapp.people.accounts.tables import ApiToken, Group, Invite, Membership, User, UserSession

# The most that a page lists, because each session is rendered with a form.
MOST_SESSIONS = 100
ENTRIES_AT_ONCE = 200
CONFIRMED_LIFE = timedelta(minutes=10)
# The actions in the audit log that are sign-ins, or attempts: as someone, or at what takes more than a session.
SIGNED_IN, TRIED, WRONG_CODE, WRONG_PASSWORD = "signed in", "tried to sign in", "entered a wrong code", "entered a wrong password"
SIGN_INS = (SIGNED_IN, TRIED, WRONG_CODE, WRONG_PASSWORD)


class LiveSession(NamedTuple):
    """The columns of a session that every request needs."""

    id: str
    seen_at: datetime
    user: User


def hashed(secret: str) -> str:
    """Returns the hash stored in place of a random secret; no salt or slow hash is needed, because it cannot be guessed."""
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def has_owner() -> bool:
    return db.session.scalar(select(User.id).where(User.role == "owner").limit(1)) is not None


def first_owner_email() -> str:
    """Returns the address of the owner whose account is the oldest of those that aren't disabled."""
    oldest = select(User.email).where(User.role == "owner", User.disabled_at.is_(None)).order_by(User.created_at, User.id)
    return db.session.scalar(oldest.limit(1)) or ""


def has_accounts() -> bool:
    return db.session.scalar(select(User.id).limit(1)) is not None


def set_up_at() -> datetime | None:
    """Returns when the first of today's accounts was created."""
    return db.session.scalar(select(func.min(User.created_at)))


def user_by_email(email: str) -> User | None:
    """Returns the account with this address, in any spelling, even if it is disabled."""
    return db.session.scalar(select(User).where(User.email == normal_email(email)))


def user_of(email: str) -> User:
    """Returns the account with an address typed by a user; raises `NotFound`."""
    if user := user_by_email(email):
        return user
    raise NotFound(f"There is no account for {email}.")


def credentials(email: str) -> tuple[str, str] | None:
    """Returns id and password hash of the enabled account with this address."""
    result = db.session.execute(select(User.id, User.password_hash).where(User.email == email, User.disabled_at.is_(None)))
    row = result.first()
    return (row[0], row[1]) if row else None


def live_session(secret: str) -> LiveSession | None:
    """Returns the session with this secret and its user, unless it has expired or the user is disabled."""
    session = db.session()
    row = LIVE_SESSION.first(session, {"token_hash": hashed(secret), "now": utc_now()})
    if row is None:
        return None
    (user,) = rows.read_joined(session, row, User)
    return LiveSession(row.session_id, row.seen_at, user)


def live_token(token: str) -> tuple[ApiToken, User] | None:
    """Returns an API token and its user, unless it has expired or the user is disabled."""
    session = db.session()
    row = LIVE_TOKEN.first(session, {"token_hash": hashed(token), "now": utc_now()})
    if row is None:
        return None
    api_token, user = rows.read_joined(session, row, ApiToken, User)
    return api_token, user


def holder(name: str) -> tuple[ApiToken | None, User] | None:
    """Returns the user of a session (`s` and its id) or of a token (`t` and its id) while it is valid, and the token."""
    table: type[ApiToken] | type[UserSession] = ApiToken if name.startswith("t") else UserSession
    is_live = or_(table.expires_at.is_(None), table.expires_at > utc_now())
    query = select(table, User).join(User, table.user_id == User.id).where(table.id == name[1:], is_live)
    row = db.session.execute(query.where(User.disabled_at.is_(None))).first()
    if row is None:
        return None
    token, user = row
    return token if isinstance(token, ApiToken) else None, user


# Invites and password links


def is_owner_link(token: str) -> bool:
    """Returns whether the link with this token can still create the owner."""
    invite_id = db.session.scalar(
        select(Invite.id).where(Invite.token_hash == hashed(token), Invite.role == "owner", *_is_open())
    )
    return invite_id is not None and not has_owner()


def open_invite(token: str) -> Invite | None:
    """Returns the invite with this token if it is still valid."""
    is_invite = Invite.user_id.is_(None), Invite.role != "owner"
    return db.session.scalar(select(Invite).where(Invite.token_hash == hashed(token), *is_invite, *_is_open()))


def open_password_link(token: str) -> tuple[Invite, User] | None:
    """Returns the password link with this token and its user, if it is still valid and the user is not disabled."""
    query = select(Invite, User).join(User, User.id == Invite.user_id).where(Invite.token_hash == hashed(token), *_is_open())
    row = db.session.execute(query.where(Invite.role == "", User.disabled_at.is_(None))).first()
    return (row[0], row[1]) if row else None


def open_invites() -> Sequence[Invite]:
    query = select(Invite).where(Invite.user_id.is_(None), Invite.role != "owner", *_is_open())
    return db.session.scalars(query.order_by(Invite.id.desc())).all()


def _is_open() -> tuple[ColumnElement[bool], ...]:
    return Invite.used_at.is_(None), Invite.expires_at > utc_now()


# Sessions and tokens of a person


def sessions_of(user_id: str) -> Sequence[UserSession]:
    """Returns a person's sessions, the most recently used first. Limited, because a program can leave thousands."""
    query = select(UserSession).where(UserSession.user_id == user_id, UserSession.expires_at > utc_now())
    return db.session.scalars(query.order_by(UserSession.seen_at.desc(), UserSession.id.desc()).limit(MOST_SESSIONS)).all()


def is_confirmed(user_id: str, secret: str) -> bool:
    """Returns whether this person has just signed on again in the session with this secret."""
    is_theirs = UserSession.token_hash == hashed(secret), UserSession.user_id == user_id
    query = select(UserSession.id).where(*is_theirs, UserSession.confirmed_at > utc_now() - CONFIRMED_LIFE)
    return db.session.scalar(query) is not None


def addresses_of(sessions: Iterable[UserSession]) -> dict[str, str]:
    """Returns, from the audit log, the address from which each session was opened."""
    since = min((session.created_at for session in sessions), default=utc_now())
    query = select(AuditEntry.object_id, AuditEntry.address).where(AuditEntry.at >= since, AuditEntry.object_kind == "session")
    rows = db.session.execute(query.where(AuditEntry.object_id.in_([session.id for session in sessions])))
    return {row[0]: row[1] for row in rows}


def tokens_of(user_id: str) -> Sequence[ApiToken]:
    return db.session.scalars(select(ApiToken).where(ApiToken.user_id == user_id).order_by(ApiToken.id.desc())).all()


def tokens_with_owners(user_id: str = "") -> Sequence[Row[ApiToken, str]]:
    """Returns tokens with the email of their owner: everyone's, or one person's."""
    statement = select(ApiToken, User.email).join(User, User.id == ApiToken.user_id).order_by(User.email, ApiToken.id)
    return db.session.execute(statement.where(ApiToken.user_id == user_id) if user_id else statement).all()


# People and groups


def person(id: str) -> User | None:
    return db.session.get(User, id)


def names_of(ids: Iterable[str]) -> dict[str, str]:
    """Returns the names of these people by id, of those without one their email; without an id there is no query."""
    wanted = set(ids)
    query = select(User.id, func.coalesce(func.nullif(User.name, ""), User.email)).where(User.id.in_(wanted))
    return dict(iter(db.session.execute(query))) if wanted else {}


def groups() -> Sequence[tuple[Group, int]]:
    """Returns all groups by name, with the number of members of each."""
    size = func.count(Membership.user_id)
    query = select(Group, size).outerjoin(Membership, Membership.group_id == Group.id).group_by(Group.id)
    return [(row[0], row[1]) for row in db.session.execute(query.order_by(func.lower(Group.name), Group.id))]


def group(id: str) -> Group | None:
    return db.session.get(Group, id)


def group_by_name(name: str) -> Group | None:
    """Returns the group with this name, ignoring case."""
    groups = db.session.scalars(select(Group))
    return next((row for row in groups if row.name.casefold() == name.casefold()), None)


def people_of(group_id: str) -> Sequence[User]:
    query = select(User).join(Membership, Membership.user_id == User.id).where(Membership.group_id == group_id)
    return db.session.scalars(query.order_by(func.lower(User.name), User.id)).all()


def groups_with_members(user_id: str, *, most: int) -> dict[str, list[str]]:
    """Returns the names of a person's groups, each with the names of its members, at most so many in all."""
    mine = select(Membership.group_id).where(Membership.user_id == user_id)
    query = select(Group.name, User.name).join(Membership, Membership.group_id == Group.id)
    query = query.join(User, User.id == Membership.user_id).where(Group.id.in_(mine))
    members_by_group: dict[str, list[str]] = {}
    for group, person in db.session.execute(query.order_by(func.lower(Group.name), func.lower(User.name), User.id).limit(most)):
        members_by_group.setdefault(group, []).append(person)
    return members_by_group


def groups_of(user_id: str) -> Sequence[Group]:
    query = select(Group).join(Membership, Membership.group_id == Group.id).where(Membership.user_id == user_id)
    return db.session.scalars(query.order_by(func.lower(Group.name), Group.id)).all()


# The audit log


def audit_entries(*, person: str = "", action: str = "", before: str = "", limit: int) -> Iterator[AuditEntry]:
    """Returns log entries, newest first: by or about the person with this address, and older than the entry `before`.

    Raises `TooLate` if the database takes too long.
    """
    query = select(AuditEntry.id).order_by(AuditEntry.id.desc()).limit(limit)
    if action:
        query = query.where(AuditEntry.action == action)
    if before:
        query = query.where(AuditEntry.id < before)
    return _entries(bounded.column(_of_any(query, _about(person), limit) if person else query))


def sign_in_entries(user_id: str = "", *, before: str = "", limit: int) -> Iterator[AuditEntry]:
    """Returns the log entries of sign-ins and refused ones, newest first: those of a person, or everyone's.

    A person's are theirs by id: an address can have been someone else's. Raises `TooLate` if the database takes too long.
    """
    query = select(AuditEntry.id).order_by(AuditEntry.id.desc()).limit(limit)
    if before:
        query = query.where(AuditEntry.id < before)
    mine = [AuditEntry.actor_id == user_id] if user_id else []
    ways = [and_(AuditEntry.action == action, *mine) for action in SIGN_INS]
    if user_id:
        is_about = AuditEntry.object_kind == "person", AuditEntry.object_id == user_id
        ways.append(and_(AuditEntry.action == TRIED, *is_about))
    return _entries(bounded.column(_of_any(query, ways, limit)))


def _about(person: str) -> list[ColumnElement[bool]]:
    """Returns a condition for each way in which an entry can concern a person."""
    user = user_by_email(person)
    is_about = and_(AuditEntry.object_kind == "person", AuditEntry.object_id == (user.id if user else person))
    return [is_about, *(AuditEntry.actor == name for name in dict.fromkeys((normal_email(person), person)))]


def _of_any(query: Select[*tuple[Any, ...]], ways: Iterable[ColumnElement[bool]], limit: int) -> Select[*tuple[Any, ...]]:
    """Returns the first entries that match any of the conditions.

    A union of one query per condition, as each has its own index; a single query with OR would scan all entries.
    """
    ids = union(*(select(query.where(way).subquery().c.id) for way in ways)).subquery()
    return select(ids.c.id).order_by(ids.c.id.desc()).limit(limit)


def _entries(ids: Sequence[str]) -> Iterator[AuditEntry]:
    """Loads the entries in batches; lets other greenlets run in between."""
    for start in range(0, len(ids), ENTRIES_AT_ONCE):
        some = select(AuditEntry).where(AuditEntry.id.in_(ids[start : start + ENTRIES_AT_ONCE]))
        yield from db.session.scalars(some.order_by(AuditEntry.id.desc())).all()
        if len(ids) > ENTRIES_AT_ONCE:
            queue_for_turn()


def audit_actions() -> Sequence[str]:
    """Returns every distinct action in the log, for a filter."""
    # Skips through the index from each action to the next: there are few actions, but many entries of each.
    first = select(func.min(AuditEntry.action).label("action")).cte("actions", recursive=True)
    following = select(func.min(AuditEntry.action)).where(AuditEntry.action > first.c.action).scalar_subquery()
    actions = first.union_all(select(following).where(first.c.action.is_not(None)))
    return bounded.column(select(actions.c.action).where(actions.c.action.is_not(None)))


def _live_session_statement() -> Select[*tuple[Any, ...]]:
    opened, user = rows.table(UserSession), rows.table(User)
    query = select(user, opened.c.id.label("session_id"), opened.c.seen_at)
    query = query.join_from(opened, user, user.c.id == opened.c.user_id)
    query = query.where(opened.c.token_hash == bindparam("token_hash"), opened.c.expires_at > bindparam("now"))
    return query.where(user.c.disabled_at.is_(None))


def _live_token_statement() -> Select[*tuple[Any, ...]]:
    token, user = rows.table(ApiToken), rows.table(User)
    query = select(token, user).join_from(token, user, user.c.id == token.c.user_id)
    is_live = or_(token.c.expires_at.is_(None), token.c.expires_at > bindparam("now"))
    return query.where(token.c.token_hash == bindparam("token_hash"), is_live, user.c.disabled_at.is_(None))


# Compiled once, because every request runs one: building a statement costs as much as running it.
LIVE_SESSION, LIVE_TOKEN = Prepared(_live_session_statement()), Prepared(_live_token_statement())
