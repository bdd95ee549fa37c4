"""What a person can do with accounts: become the owner, sign in and out, change a password."""

import logging
import math
import time
import unicodedata
from datetime import timedelta
from typing import get_args

from flask import current_app
from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from webapp.accounts import passwords, queries
from webapp.accounts.queries import hashed
from webapp.accounts.tables import Invite, Role, User, UserSession
from webapp.accounts.throttle import Doorkeeper
from webapp.errors import Conflict, Forbidden, Invalid, TooMany, Unavailable
from webapp.extensions import db, offload, utc_now, write
from webapp.ids import new_secret

SESSION_LIFE = timedelta(days=30)
SEEN_EVERY = timedelta(minutes=5)
LINK_LIFE = timedelta(days=7)
log = logging.getLogger("accounts")


def owner_link(base_url: str) -> str | None:
    """A fresh one-time link that makes the owner, or nothing when there is one; older links die."""
    token = new_secret()
    with write() as session:
        if queries.has_owner():
            return None
        session.execute(delete(Invite).where(Invite.role == "owner", Invite.used_at.is_(None)))
        session.add(Invite(token_hash=hashed(token), role="owner", expires_at=utc_now() + LINK_LIFE))
    return f"{base_url.rstrip('/')}/setup?token={token}"


def check_owner_link(token: str) -> None:
    """Refuses a link that cannot make the owner, or not any more."""
    if not queries.is_owner_link(token):
        raise Forbidden("This link has been used or has run out. When there is no owner yet, starting again prints a new one.")


def create_owner(token: str, email: str, name: str, password: str) -> User:
    """Make the one owner; of many who use the link at the same time, one succeeds."""
    check_owner_link(token)
    owner = _new_user(email, name, "owner", password)
    with write() as session:
        _use_owner_link(session, token)
        _add(session, owner)
    return owner


def add_user(email: str, role: str, password: str) -> User:
    """Make an account, named like its address until the person changes that."""
    if role not in get_args(Role):
        raise Invalid(f"A role is one of: {', '.join(get_args(Role))}.", field="role")
    user = _new_user(email, email.strip().partition("@")[0], role, password)
    with write() as session:
        if role == "owner" and queries.has_owner():
            raise Conflict("There is an owner already.", field="role")
        _add(session, user)
    return user


def set_password(user: User, password: str, *, keep: str = "") -> None:
    """Change the password; every session dies but the one whose secret is kept."""
    user_id, password_hash = user.id, _password_hash(password)
    with write() as session:
        session.execute(update(User).where(User.id == user_id).values(password_hash=password_hash))
        others = delete(UserSession).where(UserSession.user_id == user_id)
        session.execute(others.where(UserSession.token_hash != hashed(keep)))


def sign_in(email: str, password: str, agent: str = "", *, address: str = "") -> str:
    """The secret of a new session. Unknown, disabled and mistyped look and take the same."""
    email = normal_email(email)
    _slow_down(email, address)
    user_id, stored = queries.credentials(email) or ("", None)
    # No connection is held while the hash is computed.
    db.session.rollback()
    if not offload(passwords.is_right, stored, password) or stored is None:
        log.info("sign_in_refused", extra={"fields": {"address": address}})
        raise Invalid("That email and that password do not belong together.")
    _doorkeeper().welcome(email, address)
    if passwords.is_outdated(stored):
        _renew_hash(user_id, stored, password)
    return open_session(user_id, agent)


def open_session(user_id: str, agent: str = "") -> str:
    """Sign a user in who has proved who they are; gives the secret for the cookie."""
    secret = new_secret()
    with write() as session:
        session.execute(delete(UserSession).where(UserSession.expires_at <= utc_now()))
        expires_at = utc_now() + SESSION_LIFE
        session.add(UserSession(user_id=user_id, token_hash=hashed(secret), agent=agent[:200], expires_at=expires_at))
    log.info("signed_in", extra={"fields": {"user_id": user_id}})
    return secret


def sign_out(secret: str) -> None:
    """End the session of this secret, if there is one."""
    with write() as session:
        session.execute(delete(UserSession).where(UserSession.token_hash == hashed(secret)))


def session_user(secret: str) -> User | None:
    """Who is signed in with this secret; being seen keeps the session alive."""
    session = queries.live_session(secret)
    if session and utc_now() - session.seen_at > SEEN_EVERY:
        _keep_alive(session.id)
        session = queries.live_session(secret)
    return session.user if session else None


def normal_email(email: str) -> str:
    """One spelling for all the ways in which people type, or paste, the same address."""
    visible = "".join(filter(str.isprintable, unicodedata.normalize("NFKC", email)))
    return visible.strip().lower()


def _new_user(email: str, name: str, role: str, password: str) -> User:
    email, name = _checked_email(email), _checked_name(name)
    return User(email=email, name=name, role=role, password_hash=_password_hash(password))


def _add(session: Session, user: User) -> None:
    session.add(user)
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict("There is an account with that email already.", field="email") from error


def _use_owner_link(session: Session, token: str) -> None:
    # All open links are used up together, so that two of them cannot make two owners at the same time.
    open_links = update(Invite).where(Invite.role == "owner", Invite.used_at.is_(None), Invite.expires_at > utc_now())
    used = session.scalars(open_links.values(used_at=utc_now()).returning(Invite.token_hash)).all()
    if hashed(token) not in used or queries.has_owner():
        raise Conflict("Somebody has used this link meanwhile: there is an owner now.")


def _checked_email(email: str) -> str:
    email = normal_email(email)
    before, at, after = email.partition("@")
    if not (before and at and after) or "@" in after or " " in email or len(email) > 254:
        raise Invalid("An email looks like name@example.org.", field="email")
    return email


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not name or not name.isprintable() or len(name) > 120:
        raise Invalid("A name has 1 to 120 characters.", field="name")
    return name


def _password_hash(password: str) -> str:
    if objection := passwords.objection(password):
        raise Invalid(objection, field="password")
    return offload(passwords.hash_of, password)


def _renew_hash(user_id: str, stored: str, password: str) -> None:
    renewed = offload(passwords.hash_of, password)
    with write() as session:
        # A password that was changed meanwhile stays changed.
        session.execute(update(User).where(User.id == user_id, User.password_hash == stored).values(password_hash=renewed))


def _doorkeeper() -> Doorkeeper:
    keeper: Doorkeeper = current_app.extensions.setdefault("doorkeeper", Doorkeeper(time.monotonic))
    return keeper


def _slow_down(email: str, address: str) -> None:
    if wait_seconds := math.ceil(_doorkeeper().wait_seconds(email[:254], address)):
        log.warning("sign_in_slowed_down", extra={"fields": {"address": address, "wait_seconds": wait_seconds}})
        raise TooMany(f"Too many tries. Please wait {wait_seconds} seconds.", retry_after=wait_seconds)


def _keep_alive(session_id: str) -> None:
    now = utc_now()
    try:
        with write() as session:
            seen = update(UserSession).where(UserSession.id == session_id)
            session.execute(seen.values(seen_at=now, expires_at=now + SESSION_LIFE))
    except (Unavailable, OperationalError) as error:
        # Who is signed in can go on reading while nothing can be written.
        log.warning("session_not_kept_alive", extra={"fields": {"error": type(error).__name__}})
