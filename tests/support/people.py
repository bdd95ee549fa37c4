"""Creates accounts as `flask users add` does, without hashing the same password a thousand times."""

from functools import cache

from sqlalchemy.orm import Session

from webapp.base.audit import COMMAND_LINE
from webapp.base.db import write
from webapp.people.accounts import passwords, service as accounts
from webapp.people.accounts.tables import User

PASSWORD = "a quiet river at night"
AGENT = "a browser of the tests"


def user_with_password(email: str, role: str) -> User:
    with write() as session:
        return _added(session, email, role)


def user_with_session(email: str, role: str) -> str:
    """Adds an account with a session, as if signed in; returns the secret for the session cookie."""
    with write() as session:
        return accounts.add_session(session, _added(session, email, role), AGENT)


def _added(session: Session, email: str, role: str) -> User:
    user = User(email=email, name=email.partition("@")[0], role=role, password_hash=known_hash())
    accounts.add(session, user)
    accounts.about_person(session, "added an account", user, author=COMMAND_LINE, detail=role)
    return user


@cache
def known_hash() -> str:
    return passwords.hash_of(PASSWORD)
