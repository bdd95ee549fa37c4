"""Who there is and who is signed in."""

from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.orm import contains_eager

from webapp.accounts.tables import Invite, User, UserSession
from webapp.extensions import db, utc_now


def hashed(secret: str) -> str:
    """What the database keeps of a secret that nobody could guess."""
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def has_owner() -> bool:
    return db.session.scalar(select(User.id).where(User.role == "owner").limit(1)) is not None


def user_by_email(email: str) -> User | None:
    """The account of a normal email address, whether it is open or not."""
    return db.session.scalar(select(User).where(User.email == email))


def credentials(email: str) -> tuple[str, str] | None:
    """Id and password hash of the open account of this address."""
    found = db.session.execute(select(User.id, User.password_hash).where(User.email == email, User.disabled_at.is_(None)))
    row = found.first()
    return (row[0], row[1]) if row else None


def live_session(secret: str) -> UserSession | None:
    """The session of this secret with its user, unless it has run out or the user is disabled."""
    wanted = select(UserSession).join(UserSession.user).options(contains_eager(UserSession.user))
    wanted = wanted.where(UserSession.token_hash == hashed(secret), UserSession.expires_at > utc_now())
    return db.session.scalar(wanted.where(User.disabled_at.is_(None)))


def is_owner_link(token: str) -> bool:
    """Whether the link with this token can still make the owner."""
    wanted = select(Invite.id).where(Invite.token_hash == hashed(token), Invite.role == "owner", Invite.used_at.is_(None))
    return db.session.scalar(wanted.where(Invite.expires_at > utc_now())) is not None and not has_owner()
