"""Invites and password links."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from webapp.base import audit
from webapp.base.db import utc_now, write
from webapp.base.errors import Conflict, Forbidden, NotFound
from webapp.base.ids import new_secret
from webapp.base.inputs import Input, Refusal, checked_by
from webapp.people.accounts import queries, service
from webapp.people.accounts.fields import EMAIL_CHARS, NO_EMAIL, checked_email, password_hash
from webapp.people.accounts.roles import invitable
from webapp.people.accounts.tables import Invite, PersonAuthor, User
from webapp.people.members.service import managed

PASSWORD_LINK_LIFE = timedelta(hours=1)
USED = "This link has been used or has expired. Ask the person who sent it for a new one."


class InviteInput(Input):
    """What is entered for an invite; which roles there are depends on who invites."""

    role: str
    email: Annotated[
        str,
        Field(max_length=EMAIL_CHARS, description="The only email the link works for; empty for any."),
        checked_by(lambda email: checked_email(email) if email.strip() else ""),
        Refusal(NO_EMAIL),
    ] = ""


def invite(entered: InviteInput, *, author: PersonAuthor) -> str:
    """Creates an invite and returns its token; it creates one account with this role, for this address if one is given."""
    role, email, token = entered.role, entered.email, new_secret()
    roles = invitable(author.actor.role)
    with write() as session:
        if role not in roles:
            raise Forbidden(f"You can only invite people as: {', '.join(roles)}.", field="role")
        if email and queries.user_by_email(email):
            raise Conflict("An account with that email already exists.", field="email")
        expires_at = utc_now() + service.LINK_LIFE
        invite = Invite(token_hash=queries.hashed(token), role=role, email=email, created_by=author.id, expires_at=expires_at)
        session.add(invite)
        session.flush()
        _note(session, "created an invite", invite, author=author)
    return token


def revoke_invite(invite_id: str, *, author: PersonAuthor) -> None:
    """Revokes an unused invite."""
    with write() as session:
        invite = session.get(Invite, invite_id)
        if invite is None or invite.used_at or invite.user_id or invite.role not in invitable(author.actor.role):
            raise NotFound("That invite is no longer open, or isn't yours to revoke.")
        _note(session, "revoked an invite", invite, author=author)
        session.delete(invite)


def accept(token: str, email: str, name: str, password: str, *, address: str = "") -> User:
    """Creates the account of an invite; if several requests use the link concurrently, only one succeeds."""
    invite = open_invite(token)
    guesser = f"invite {invite.id}"
    # Otherwise the holder of a link could use it to find out which addresses have an account.
    service.slow_down(guesser, address)
    user = service.new_user(invite.email or email, name, invite.role, password)
    with write() as session:
        _use(session, token)
        service.add(session, user)
        service.about_person(session, "accepted an invite", user, author=audit.AuditAuthor(user, address), detail=user.role)
    service.welcome(guesser, address)
    return user


def open_invite(token: str) -> Invite:
    invite = queries.open_invite(token)
    if invite is None:
        raise Forbidden(USED)
    return invite


def password_link(person: User, *, author: PersonAuthor) -> str:
    """Returns the token of a link to choose a new password, valid once and for an hour; invalidates older links."""
    token = new_secret()
    with write() as session:
        now = managed(session, person, author)
        if now.disabled_at:
            raise Conflict("This account is disabled. Enable it first.")
        session.execute(delete(Invite).where(Invite.user_id == now.id, Invite.used_at.is_(None)))
        expires_at = utc_now() + PASSWORD_LINK_LIFE
        session.add(
            Invite(token_hash=queries.hashed(token), role="", user_id=now.id, created_by=author.id, expires_at=expires_at)
        )
        service.about_person(session, "created a password link", now, author=author)
    return token


def choose_password(token: str, password: str, *, address: str = "") -> User:
    """Sets a new password with a password link, and ends all existing sessions."""
    _, user = open_password_link(token)
    user_id, stored = user.id, password_hash(password)
    with write() as session:
        _use(session, token)
        now = session.get(User, user_id)
        if now is None or now.disabled_at:
            raise Forbidden(USED)
        service.replace_password(session, now, stored)
        service.about_person(session, "set a password with a link", now, author=audit.AuditAuthor(now, address))
    return now


def open_password_link(token: str) -> tuple[Invite, User]:
    invite_and_user = queries.open_password_link(token)
    if invite_and_user is None:
        raise Forbidden(USED)
    return invite_and_user


def _use(session: Session, token: str) -> None:
    is_open = Invite.used_at.is_(None), Invite.expires_at > utc_now()
    used = update(Invite).where(Invite.token_hash == queries.hashed(token), *is_open).values(used_at=utc_now())
    if not session.scalar(used.returning(Invite.id)):
        raise Forbidden(USED)


def _note(session: Session, action: str, invite: Invite, *, author: audit.AuditAuthor) -> None:
    detail = f"{invite.role} {invite.email}".strip()
    audit.add(session, action, author=author, object_kind="invite", object_id=invite.id, detail=detail)
