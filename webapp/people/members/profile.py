"""Operations of a person on their own account."""

from sqlalchemy import delete

from webapp.base.db import write
from webapp.base.errors import NotFound
from webapp.people.accounts import service
from webapp.people.accounts.fields import checked_email, checked_name
from webapp.people.accounts.queries import hashed
from webapp.people.accounts.tables import Invite, User, UserSession
from webapp.people.members import people


def rename(user: User, name: str, *, address: str = "") -> None:
    """Changes the person's name."""
    name, user_id = checked_name(name), user.id
    with write() as session:
        me = people.existing(session, user_id)
        me.name = name
        service.about_person(session, "changed a name", me, by=me, address=address)


def change_email(user: User, email: str, password: str, *, address: str = "") -> None:
    """Changes the address used to sign in; requires the password."""
    email, user_id = checked_email(email), user.id
    service.confirm(user, password, address=address)
    with write() as session:
        me = people.existing(session, user_id)
        if me.email == email:
            return
        service.about_person(session, "changed an email", me, by=me, address=address, detail=f"now {email}")
        # A password link was sent to the old address, which can now belong to someone else.
        session.execute(delete(Invite).where(Invite.user_id == user_id, Invite.used_at.is_(None)))
        me.email = email
        service.add(session, me)


def change_password(
    user: User, current: str, password: str, agent: str = "", *, revokes_tokens: bool = False, address: str = ""
) -> str:
    """Changes the password, ends every session and, if requested, every token; returns the secret of a new session."""
    user_id = user.id
    service.confirm(user, current, field="current", address=address)
    service.set_password(user, password, revokes_tokens=revokes_tokens, by=user, address=address)
    return service.open_session(user_id, agent, address=address)


def end_session(user: User, session_id: str, *, address: str = "") -> None:
    """Ends one of the person's sessions; raises NotFound for another person's."""
    with write() as session:
        ended = delete(UserSession).where(UserSession.id == session_id, UserSession.user_id == user.id)
        if not session.scalar(ended.returning(UserSession.id)):
            raise NotFound("That browser is already signed out.")
        service.about_person(session, "ended a session", user, by=user, address=address)


def end_other_sessions(user: User, secret: str, *, address: str = "") -> None:
    """Ends all of the person's sessions except the one with this secret."""
    with write() as session:
        others = UserSession.user_id == user.id, UserSession.token_hash != hashed(secret)
        count = len(session.scalars(delete(UserSession).where(*others).returning(UserSession.id)).all())
        service.about_person(session, "ended all other sessions", user, by=user, address=address, detail=str(count))


def delete_account(user: User, password: str, *, address: str = "") -> None:
    """Permanently deletes the person's account with everything in it."""
    user_id = user.id
    service.confirm(user, password, address=address)
    with write() as session:
        me = people.existing(session, user_id)
        people.close(session, me, by=me, address=address)
    people.remove(user_id)
