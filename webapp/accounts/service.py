"""What a person can do with accounts: become the owner, sign in and out; and who is there."""

import logging
import math
import time
from datetime import timedelta
from typing import Any, get_args

from flask import current_app
from sqlalchemy import ColumnElement, delete, update
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from webapp.accounts import agents, audit, passwords, queries, roles
from webapp.accounts.audit import COMMAND_LINE
from webapp.accounts.fields import checked_email, checked_name, normal_email, password_hash
from webapp.accounts.queries import LiveSession, hashed
from webapp.accounts.tables import ApiToken, Invite, Role, User, UserSession
from webapp.db import NO_PATIENCE, Base, db, utc_now, write
from webapp.errors import Conflict, Forbidden, Invalid, TooMany, Unavailable
from webapp.heavy.threads import offload
from webapp.ids import new_secret
from webapp.throttle import Doorkeeper, network
from webapp.words import plural

SESSION_LIFE = timedelta(days=30)
SEEN_EVERY = timedelta(minutes=5)
USED_EVERY = timedelta(minutes=1)
LINK_LIFE = timedelta(days=7)
WRONG = "Incorrect email or password."
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
        raise Forbidden("This link has been used or has expired. If there is no owner yet, restart Millrace to print a new one.")


def create_owner(token: str, email: str, name: str, password: str, *, address: str = "") -> User:
    """Make the one owner; of many who use the link at the same time, one succeeds."""
    check_owner_link(token)
    owner = new_user(email, name, "owner", password)
    with write() as session:
        _use_owner_link(session, token)
        add(session, owner)
        about_person(session, "created the owner", owner, by=owner, address=address)
    return owner


def add_user(email: str, role: str, password: str) -> User:
    """Make an account, named like its address until the person changes that."""
    if role not in get_args(Role):
        raise Invalid(f"Role must be one of: {', '.join(get_args(Role))}.", field="role")
    user = new_user(email, email.strip().partition("@")[0], role, password)
    with write() as session:
        if role == "owner" and queries.has_owner():
            raise Conflict("There is already an owner.", field="role")
        add(session, user)
        about_person(session, "added an account", user, by=COMMAND_LINE, detail=role)
    return user


def set_password(
    user: User,
    password: str,
    *,
    keep: str = "",
    revokes_tokens: bool = False,
    by: User | str = COMMAND_LINE,
    address: str = "",
) -> None:
    """Change the password; every session dies but the one whose secret is kept, and so do links for a new password.

    Tokens stay, unless they are to be revoked as well.
    """
    user_id, stored = user.id, password_hash(password)
    with write() as session:
        if person := session.get(User, user_id):
            replace_password(session, person, stored, keep=keep)
            about_person(session, "changed a password", person, by=by, address=address)
            if revokes_tokens:
                revoked = session.scalars(delete(ApiToken).where(ApiToken.user_id == user_id).returning(ApiToken.id)).all()
                about_person(session, "revoked all tokens", person, by=by, address=address, detail=str(len(revoked)))


def replace_password(session: Session, user: User, stored: str, *, keep: str = "") -> None:
    """Puts the hash of a new password in its place and ends what the old one opened, in the transaction of its caller."""
    user.password_hash = stored
    session.execute(delete(Invite).where(Invite.user_id == user.id, Invite.used_at.is_(None)))
    others = delete(UserSession).where(UserSession.user_id == user.id)
    session.execute(others.where(UserSession.token_hash != hashed(keep)))


def sign_in(email: str, password: str, agent: str = "", *, address: str = "") -> str:
    """The secret of a new session. Unknown, disabled and mistyped look and take the same."""
    email = normal_email(email)
    slow_down(email, address)
    user_id, stored = queries.credentials(email) or ("", None)
    # No connection is held while the hash is computed.
    db.session.rollback()
    if not offload(passwords.is_right, stored, password) or stored is None:
        _refuse_sign_in(email if stored else "", user_id, address)
        raise Invalid(WRONG)
    welcome(email, address)
    secret = open_session(user_id, agent, address=address, proof=stored)
    if passwords.is_outdated(stored):
        _renew_hash(user_id, stored, password)
    return secret


def confirm(user: User, password: str, *, field: str = "password", address: str = "") -> None:
    """Refuses who does not know the password of the account they are signed in to; guessing is slowed down as at the door."""
    email, stored = user.email, user.password_hash
    slow_down(email, address)
    db.session.rollback()
    if not offload(passwords.is_right, stored, password):
        audit.refused("entered a wrong password", key=email, actor=email, address=address)
        raise Invalid("That isn't your current password.", field=field)
    welcome(email, address)


def open_session(user_id: str, agent: str = "", *, address: str = "", proof: str = "") -> str:
    """Sign a user in who has proved who they are, by the password of the hash `proof` if by one; gives the cookie's secret."""
    with write() as session:
        user = session.get(User, user_id)
        # Meanwhile the account may have been disabled or have got another password.
        if user is None or user.disabled_at or proof not in ("", user.password_hash):
            raise Invalid(WRONG)
        session.execute(delete(UserSession).where(UserSession.expires_at <= utc_now()))
        secret = add_session(session, user, agent, address=address)
    log.info("signed_in", extra={"fields": {"user_id": user_id}})
    return secret


def add_session(session: Session, user: User, agent: str = "", *, address: str = "") -> str:
    """Stores a session of theirs, and that they have signed in; gives the cookie's secret."""
    secret = new_secret()
    opened = UserSession(user_id=user.id, token_hash=hashed(secret), agent=agent[:200], expires_at=utc_now() + SESSION_LIFE)
    session.add(opened)
    session.flush()
    about = audit.About(actor=user, address=address, object_kind="session", object_id=opened.id, detail=agents.in_words(agent))
    audit.add(session, "signed in", **about)
    return secret


def sign_out(secret: str, *, address: str = "") -> None:
    """End the session of this secret, if there is one."""
    if not secret:
        return
    with write() as session:
        ended = delete(UserSession).where(UserSession.token_hash == hashed(secret)).returning(UserSession.user_id)
        if user_id := session.scalar(ended):
            audit.add(session, "signed out", actor=session.get(User, user_id), address=address)


def session_user(secret: str) -> User | None:
    """Who is signed in with this secret."""
    session = seen_session(secret)
    return session.user if session else None


def seen_session(secret: str) -> LiveSession | None:
    """The session of this secret with its user; being seen keeps it alive."""
    session = queries.live_session(secret)
    if session and utc_now() - session.seen_at > SEEN_EVERY:
        now = utc_now()
        _note(UserSession, UserSession.id == session.id, seen_at=now, expires_at=now + SESSION_LIFE)
        session = queries.live_session(secret)
    return session


def used_token(token: str) -> tuple[ApiToken, User] | None:
    """The API token and its person; being used is noted, at most once a minute."""
    found = queries.live_token(token)
    if found and (not found[0].used_at or utc_now() - found[0].used_at > USED_EVERY):
        _note(ApiToken, ApiToken.id == found[0].id, used_at=utc_now())
        found = queries.live_token(token)
    return found


def scopes_of(token: ApiToken, user: User) -> frozenset[str]:
    """What the token is for, as far as its person's role allows that today."""
    return frozenset(token.scopes.split()) & frozenset(roles.allowed_scopes(user.role))


def new_user(email: str, name: str, role: str, password: str) -> User:
    """A checked account that is not stored yet; hashing takes a moment, so it comes before the transaction."""
    email, name = checked_email(email), checked_name(name)
    return User(email=email, name=name, role=role, password_hash=password_hash(password))


def add(session: Session, user: User) -> None:
    """Stores an account, new or changed, unless its address has another."""
    session.add(user)
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict("An account with that email already exists.", field="email") from error


def about_person(session: Session, action: str, person: User, *, by: User | str, address: str = "", detail: str = "") -> None:
    """Writes down what was done to an account, and to whose."""
    words = ": ".join(filter(None, (person.email, detail)))
    audit.add(session, action, actor=by, address=address, object_kind="person", object_id=person.id, detail=words)


def slow_down(email: str, address: str) -> None:
    """Counts a try to prove who one is; refuses it when there have been too many."""
    if wait_seconds := math.ceil(_doorkeeper().wait_seconds(email[:254], address)):
        log.warning("sign_in_slowed_down", extra={"fields": {"address": address, "wait_seconds": wait_seconds}})
        audit.refused("made too many attempts", key=network(address), address=address)
        raise TooMany(f"Too many attempts. Please wait {plural(wait_seconds, 'second')}.", retry_after=wait_seconds)


def welcome(email: str, address: str) -> None:
    """The try was right: it does not count."""
    _doorkeeper().welcome(email[:254], address)


def _refuse_sign_in(email: str, user_id: str, address: str) -> None:
    log.info("sign_in_refused", extra={"fields": {"address": address}})
    # What was typed into the field may be a password, so only addresses that have an account are written down.
    about = audit.About(address=address, object_kind="person", object_id=user_id, detail=email or "no active account")
    audit.refused("tried to sign in", key=network(address), **about)


def _use_owner_link(session: Session, token: str) -> None:
    # All open links are used up together, so that two of them cannot make two owners at the same time.
    open_links = update(Invite).where(Invite.role == "owner", Invite.used_at.is_(None), Invite.expires_at > utc_now())
    used = session.scalars(open_links.values(used_at=utc_now()).returning(Invite.token_hash)).all()
    if hashed(token) not in used or queries.has_owner():
        raise Conflict("Someone has already used this link, so there is now an owner.")


def _renew_hash(user_id: str, stored: str, password: str) -> None:
    # A password that was changed meanwhile stays changed.
    outdated = (User.id == user_id) & (User.password_hash == stored)
    _note(User, outdated, password_hash=offload(passwords.hash_of, password))


def _doorkeeper() -> Doorkeeper:
    extensions = current_app.extensions
    keeper: Doorkeeper = extensions.setdefault("doorkeeper", Doorkeeper(time.monotonic, extensions["buckets"]))
    return keeper


def _note(table: type[Base], whose: ColumnElement[bool], **values: Any) -> None:
    """Keeps what can as well be kept next time: nobody waits for it, least of all who only reads."""
    try:
        with write(patience_seconds=NO_PATIENCE) as session:
            session.execute(update(table).where(whose).values(**values))
    except (Unavailable, OperationalError) as error:
        log.warning("not_noted", extra={"fields": {"what": ", ".join(values), "error": type(error).__name__}})
