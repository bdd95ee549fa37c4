"""Accounts as `flask users add` makes them, without hashing the same password a thousand times."""

from functools import cache

from webapp.accounts import passwords
from webapp.accounts import service as accounts
from webapp.accounts.tables import User
from webapp.db import write

PASSWORD = "a quiet river at night"


def user_with_password(email: str, role: str) -> User:
    user = User(email=email, name=email.partition("@")[0], role=role, password_hash=known_hash())
    with write() as session:
        accounts.add(session, user)
        accounts.about_person(session, "added an account", user, by=accounts.COMMAND_LINE, detail=role)
    return user


@cache
def known_hash() -> str:
    return passwords.hash_of(PASSWORD)
