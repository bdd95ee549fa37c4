"""Inserts accounts and tokens straight into a server's database: a command for each would take three seconds of a core."""

import secrets
from collections.abc import Iterable
from functools import cache
from hashlib import sha256

from tests.support.server import Server
from webapp.base.ids import new_id
from webapp.people.accounts import passwords
from webapp.people.accounts.roles import SCOPES

PASSWORD = "a quiet river at night"
PERSON = """INSERT INTO users (id, email, name, role, password_hash, created_at)
    VALUES (?, ?, ?, 'member', ?, CURRENT_TIMESTAMP)"""
TOKEN = """INSERT INTO api_tokens (id, user_id, name, token_hash, last_four, scopes, created_at)
    SELECT ?, id, 'a program', ?, ?, ?, CURRENT_TIMESTAMP FROM users WHERE email = ?"""


def add_member(server: Server, email: str) -> None:
    """Adds a member with the password that all test accounts share."""
    server.change(PERSON, new_id(), email, email.partition("@")[0], known_hash())


def add_token(server: Server, email: str = "owner@example.org", scopes: Iterable[str] = tuple(SCOPES)) -> str:
    token = f"millrace_{secrets.token_urlsafe(32)}"
    server.change(TOKEN, new_id(), sha256(token.encode()).hexdigest(), token[-4:], " ".join(scopes), email)
    return token


@cache
def known_hash() -> str:
    return passwords.hash_of(PASSWORD)
