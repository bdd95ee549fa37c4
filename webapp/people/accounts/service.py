"""Creates accounts, signs people in and out, and checks passwords, sessions and tokens."""

import logging
import math
import time
from datetime import timedelta
from typing import Any, get_args

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from webapp.base import audit
from webapp.base.current import BUCKETS, PerApp
from webapp.base.db import NO_PATIENCE, Base, db, utc_now, write
from webapp.base.errors import Conflict, Forbidden, Invalid, TooMany, Unavailable
from webapp.base.ids import new_secret
from webapp.base.throttle import SignInThrottle, network
from webapp.base.words import plural
from webapp.people.accounts import agents, passwords, queries
from webapp.people.accounts.fields import checked_email, checked_name, normal_email, password_hash
from webapp.people.accounts.permissions import allowed_scopes
from webapp.people.accounts.queries import SIGNED_IN, TRIED, WRONG_PASSWORD
from webapp.people.accounts.second_step import CodeNeeded, the_second_step
from webapp.people.accounts.sign_on import SignOnSession
from webapp.people.accounts.tables import ApiToken, Invite, Role, User, UserSession
from webapp.settings.service import setting

SESSION_LIFE = timedelta(days=30)
SEEN_EVERY = timedelta(minutes=5)
USED_EVERY = timedelta(minutes=1)
LINK_LIFE = timedelta(days=7)
SIGN_IN, SIGN_IN_LINK_LIFE = "sign-in", timedelta(minutes=10)
LINK_USED = "This link has been used or has expired. Create a new one with the same command."
WRONG = "Incorrect email or password."
NO_PASSWORDS = "Passwords are turned off here. Use one of the buttons to sign in."
CONFIRM_FIRST = "Confirm first that it's you, by signing in once more."
log = logging.getLogger("accounts")


def owner_link(base_url: str) -> str | None:
    """Returns a new one-time link that creates the owner, or None if there is one; invalidates older links."""
    token = new_secret()
    with write() as session:
        if queries.has_owner():
            return None
        session.execute(delete(Invite).where(Invite.role == "owner", Invite.used_at.is_(None)))
        session.add(Invite(token_hash=queries.hashed(token), role="owner", expires_at=utc_now() + LINK_LIFE))
    return f"{base_url.rstrip('/')}/setup?token={token}"


def check_owner_link(token: str) -> None:
    """Raises Forbidden unless the link is valid and there is no owner yet."""
    if not queries.is_owner_link(token):
        raise Forbidden("This link has been used or has expired. If there is no owner yet, restart Millrace to print a new one.")


def create_owner(token: str, email: str, name: str, password: str, *, address: str = "") -> User:
    """Creates the first owner; if several requests use the link concurrently, only one succeeds."""
    check_owner_link(token)
    owner = new_user(email, name, "owner", password)
    with write() as session:
        _use_owner_link(session, token)
        add(session, owner)
        about_person(session, "created the owner", owner, author=audit.AuditAuthor(owner, address))
    return owner


def add_user(email: str, role: str, password: str) -> User:
    """Creates an account; its name is taken from its address until the person changes it."""
    if role not in get_args(Role):
        raise Invalid(f"Role must be one of: {', '.join(get_args(Role))}.", field="role")
    user = new_user(email, email.strip().partition("@")[0], role, password)
    with write() as session:
        if role == "owner" and queries.has_owner():
            raise Conflict("There is already an owner.", field="role")
        add(session, user)
        about_person(session, "added an account", user, author=audit.COMMAND_LINE, detail=role)
    return user


def set_password(
    user: User,
    password: str,
    *,
    keep: str = "",
    revokes_tokens: bool = False,
    author: audit.AuditAuthor = audit.COMMAND_LINE,
) -> None:
    """Changes the password; ends every session except the one with the secret `keep`, and invalidates password links.

    Tokens stay valid unless `revokes_tokens` is set.
    """
    user_id, stored = user.id, password_hash(password)
    with write() as session:
        if person := session.get(User, user_id):
            replace_password(session, person, stored, keep=keep)
            about_person(session, "changed a password", person, author=author)
            if revokes_tokens:
                revoked = session.scalars(delete(ApiToken).where(ApiToken.user_id == user_id).returning(ApiToken.id)).all()
                about_person(session, "revoked all tokens", person, author=author, detail=str(len(revoked)))


def replace_password(session: Session, user: User, stored: str, *, keep: str = "") -> None:
    """Stores the hash of a new password, and ends sessions and links of the old one, in the caller's transaction."""
    user.password_hash, user.has_password = stored, True
    session.execute(delete(Invite).where(Invite.user_id == user.id, Invite.used_at.is_(None)))
    others = delete(UserSession).where(UserSession.user_id == user.id)
    session.execute(others.where(UserSession.token_hash != queries.hashed(keep)))


def sign_in_link(user: User) -> str:
    """Returns the token of a link that signs an owner in once: for a command, when no other way is left."""
    token = new_secret()
    if user.role != "owner" or user.disabled_at:
        raise Invalid("Only an owner can be signed in by a link. For others, let an owner create a password link.")
    user_id = user.id
    with write() as session:
        session.execute(delete(Invite).where(Invite.user_id == user_id, Invite.role == SIGN_IN))
        expires_at = utc_now() + SIGN_IN_LINK_LIFE
        session.add(Invite(token_hash=queries.hashed(token), role=SIGN_IN, user_id=user_id, expires_at=expires_at))
        about_person(session, "created a sign-in link", session.get_one(User, user_id), author=audit.COMMAND_LINE)
    return token


def check_sign_in_link(token: str) -> None:
    """Raises Forbidden unless the link can still sign someone in."""
    if db.session.scalar(select(Invite.id).where(*_opens(token))) is None:
        raise Forbidden(LINK_USED)


def used_sign_in_link(token: str) -> str:
    """Returns the id of the owner whom a link signs in; it can't be used again."""
    with write() as session:
        used = update(Invite).where(*_opens(token)).values(used_at=utc_now())
        user_id = session.scalar(used.returning(Invite.user_id))
        user = session.get(User, user_id) if user_id else None
        if user is None or user.role != "owner":
            raise Forbidden(LINK_USED)
    return user.id


def _opens(token: str) -> tuple[ColumnElement[bool], ...]:
    is_it = Invite.role == SIGN_IN, Invite.token_hash == queries.hashed(token)
    return *is_it, Invite.used_at.is_(None), Invite.expires_at > utc_now()


def sign_in(email: str, password: str, agent: str = "", *, address: str = "") -> str:
    """Signs in and returns the secret of a new session; raises `CodeNeeded` if the account has a second factor.

    An unknown address, a disabled account and a wrong password give the same error after the same time.
    """
    if not setting("sign_in.passwords"):
        raise Forbidden(NO_PASSWORDS)
    email = normal_email(email)
    slow_down(email, address)
    user_id, stored = queries.credentials(email) or ("", None)
    # Releases the database connection while the hash is computed.
    db.session.rollback()
    if not passwords.is_right(stored, password) or stored is None:
        _refuse_sign_in(email if stored else "", user_id, agent, address=address)
        raise Invalid(WRONG)
    welcome(email, address)
    secret = admit(user_id, agent, address=address, proof=stored)
    if passwords.is_outdated(stored):
        _renew_hash(user_id, stored, password)
    return secret


def confirm(user: User, password: str, *, field: str = "password", address: str = "") -> None:
    """Raises Invalid unless this is the user's password; guesses are rate limited as for signing in.

    For an account without one, it is the secret of a session in which its person has just signed on again.
    """
    if not user.has_password:
        if not queries.is_confirmed(user.id, password):
            raise Invalid(CONFIRM_FIRST, field=field)
        return
    email, stored = user.email, user.password_hash
    slow_down(email, address)
    db.session.rollback()
    if not passwords.is_right(stored, password):
        audit.refused(WRONG_PASSWORD, key=email, author=audit.AuditAuthor(user, address))
        raise Invalid("That isn't your current password.", field=field)
    welcome(email, address)


def admit(user_id: str, agent: str = "", *, address: str = "", proof: str = "", sign_on: SignOnSession | None = None) -> str:
    """Opens a session after the first step of signing in; raises `CodeNeeded` if the account has a second factor."""
    if the_second_step().is_on(user_id):
        raise CodeNeeded(user_id, proof, sign_on)
    return open_session(user_id, agent, address=address, proof=proof, sign_on=sign_on)


def open_session(
    user_id: str, agent: str = "", *, address: str = "", proof: str = "", sign_on: SignOnSession | None = None, way: str = ""
) -> str:
    """Opens a session for an authenticated user and returns the cookie's secret.

    `proof` is the hash that their password matched, if they signed in with one. `way` is what the log says of how they did.
    """
    with write() as session:
        user = session.get(User, user_id)
        # The account can have been disabled, or its password changed, since the check.
        if user is None or user.disabled_at or proof not in ("", user.password_hash):
            raise Invalid(WRONG)
        session.execute(delete(UserSession).where(UserSession.expires_at <= utc_now()))
        secret = add_session(session, user, agent, address=address, sign_on=sign_on, way=way or way_of(proof, sign_on))
    log.info("signed_in", extra={"fields": {"user_id": user_id}})
    return secret


def way_of(proof: str, sign_on: SignOnSession | None) -> str:
    """Returns how someone has signed in, as the log says it."""
    return sign_on.words if sign_on else "with a password" if proof else "by a link"


def add_session(
    session: Session, user: User, agent: str = "", *, address: str = "", sign_on: SignOnSession | None = None, way: str = ""
) -> str:
    """Stores a session and an entry in the audit log; returns the cookie's secret."""
    secret = new_secret()
    user_session = UserSession(
        user_id=user.id,
        token_hash=queries.hashed(secret),
        agent=agent[:200],
        expires_at=utc_now() + SESSION_LIFE,
        **(sign_on.columns if sign_on else {}),
    )
    session.add(user_session)
    session.flush()
    author, detail = audit.AuditAuthor(user, address), ", ".join(filter(None, (agents.in_words(agent), way)))
    audit.add(session, SIGNED_IN, author=author, object_kind="session", object_id=user_session.id, detail=detail)
    return secret


def sign_out(secret: str, *, address: str = "") -> None:
    """Ends the session with this secret, if there is one."""
    if not secret:
        return
    with write() as session:
        ended = delete(UserSession).where(UserSession.token_hash == queries.hashed(secret)).returning(UserSession.user_id)
        if user_id := session.scalar(ended):
            audit.add(session, "signed out", author=audit.AuditAuthor(session.get(User, user_id) or "", address))


def session_user(secret: str) -> User | None:
    """Returns the user whose session has this secret."""
    session = seen_session(secret)
    return session.user if session else None


def seen_session(secret: str) -> queries.LiveSession | None:
    """Returns the session with this secret and its user; using a session extends it."""
    session = queries.live_session(secret)
    if session and utc_now() - session.seen_at > SEEN_EVERY:
        now = utc_now()
        _note(UserSession, UserSession.id == session.id, seen_at=now, expires_at=now + SESSION_LIFE)
        session = queries.live_session(secret)
    return session


def used_token(token: str) -> tuple[ApiToken, User] | None:
    """Returns an API token and its user; records its use, at most once a minute."""
    token_and_user = queries.live_token(token)
    if token_and_user and (not token_and_user[0].used_at or utc_now() - token_and_user[0].used_at > USED_EVERY):
        _note(ApiToken, ApiToken.id == token_and_user[0].id, used_at=utc_now())
        token_and_user = queries.live_token(token)
    return token_and_user


def scopes_of(token: ApiToken, user: User) -> frozenset[str]:
    """Returns those scopes of the token that its user's current role allows."""
    return frozenset(token.scopes.split()) & frozenset(allowed_scopes(user))


def new_user(email: str, name: str, role: str, password: str) -> User:
    """Returns a validated account that is not stored yet; hashing is slow, so call this before the transaction."""
    email, name = checked_email(email), checked_name(name)
    return User(email=email, name=name, role=role, password_hash=password_hash(password))


def add(session: Session, user: User) -> None:
    """Stores a new or changed account; raises Conflict if another one has the same address."""
    session.add(user)
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict("An account with that email already exists.", field="email") from error


def about_person(session: Session, action: str, person: User, *, author: audit.AuditAuthor, detail: str = "") -> None:
    """Adds an entry about an account to the audit log."""
    words = ": ".join(filter(None, (person.email, detail)))
    audit.add(session, action, author=author, object_kind="person", object_id=person.id, detail=words)


def slow_down(email: str, address: str) -> None:
    """Counts an attempt to authenticate; raises TooMany above the rate limit."""
    if wait_seconds := math.ceil(SIGN_INS.get().wait_seconds(email[:254], address)):
        log.warning("sign_in_slowed_down", extra={"fields": {"address": address, "wait_seconds": wait_seconds}})
        audit.refused("made too many attempts", key=network(address), author=audit.AuditAuthor("", address))
        raise TooMany(f"Too many attempts. Please wait {plural(wait_seconds, 'second')}.", retry_after=wait_seconds)


def welcome(email: str, address: str) -> None:
    """Gives back a successful attempt, so that it does not count towards the rate limit."""
    SIGN_INS.get().welcome(email[:254], address)


def _refuse_sign_in(email: str, user_id: str, agent: str, *, address: str) -> None:
    log.info("sign_in_refused", extra={"fields": {"address": address}})
    # People sometimes type their password into the email field, so only addresses of existing accounts are logged.
    detail = f"{email}: {agents.in_words(agent)}, with a wrong password" if email else "no active account"
    # Counted for each account, as its person reads of it.
    key, author = f"{network(address)} {user_id}", audit.AuditAuthor("", address)
    audit.refused(TRIED, key=key, author=author, object_kind="person", object_id=user_id, detail=detail)


def _use_owner_link(session: Session, token: str) -> None:
    # Marks all open links as used in one statement, so that two links cannot create two owners concurrently.
    open_links = update(Invite).where(Invite.role == "owner", Invite.used_at.is_(None), Invite.expires_at > utc_now())
    used = session.scalars(open_links.values(used_at=utc_now()).returning(Invite.token_hash)).all()
    if queries.hashed(token) not in used or queries.has_owner():
        raise Conflict("Someone has already used this link, so there is now an owner.")


def _renew_hash(user_id: str, stored: str, password: str) -> None:
    # The condition keeps a password that was changed since.
    outdated = (User.id == user_id) & (User.password_hash == stored)
    _note(User, outdated, password_hash=passwords.hash_of(password))


SIGN_INS = PerApp(lambda: SignInThrottle(time.monotonic, BUCKETS.get()))


def _note(table: type[Base], condition: ColumnElement[bool], **values: Any) -> None:
    """Updates a value unless that would have to wait, because read requests call it; the next one can update it instead."""
    try:
        with write(patience_seconds=NO_PATIENCE) as session:
            session.execute(update(table).where(condition).values(**values))
    except (Unavailable, OperationalError) as error:
        log.warning("not_noted", extra={"fields": {"what": ", ".join(values), "error": type(error).__name__}})
