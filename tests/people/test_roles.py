"""The table of roles, descriptions of browsers, and normalized email addresses."""

from typing import get_args

import pytest
from flask import Flask
from hypothesis import given, strategies as st

from webapp.people.accounts.agents import in_words
from webapp.people.accounts.fields import normal_email
from webapp.people.accounts.permissions import allowed_scopes, may
from webapp.people.accounts.roles import RIGHTS, ROLES, invitable, manageable
from webapp.people.accounts.tables import Role, User


def test_the_roles_are_those_of_the_table() -> None:
    assert get_args(Role) == ROLES
    assert len({right.name for right in RIGHTS}) == len(RIGHTS)


def test_every_role_may_what_the_one_below_may() -> None:
    for right in RIGHTS:
        assert right.roles == ROLES[: len(right.roles)], right.name


@pytest.mark.parametrize(
    ("role", "manages", "invites", "scopes"),
    [
        (
            "owner",
            ROLES,
            ("admin", "member", "guest"),
            ("read", "chat", "plans", "knowledge", "workflows", "mcp", "tools", "metrics", "admin"),
        ),
        (
            "admin",
            ("member", "guest"),
            ("member", "guest"),
            ("read", "chat", "plans", "knowledge", "workflows", "mcp", "tools", "metrics", "admin"),
        ),
        ("member", (), (), ("read", "chat", "plans", "knowledge", "workflows", "mcp", "tools")),
        ("guest", (), (), ("read", "chat", "knowledge", "workflows", "mcp", "tools")),
        ("", (), (), ("read", "chat")),
    ],
)
def test_what_each_role_may(
    app: Flask, role: str, manages: tuple[str, ...], invites: tuple[str, ...], scopes: tuple[str, ...]
) -> None:
    user = User(role=role)
    with app.app_context():
        assert (manageable(role), invitable(role), allowed_scopes(user)) == (manages, invites, scopes)
        assert may(user, "administer") == (role in ("owner", "admin"))


LINUX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36"
SAFARI = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17 Safari/605.1.15"
ANDROID = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Mobile Safari/537.36"


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (LINUX, "Firefox on Linux"),
        (CHROME, "Chrome on Windows"),
        (CHROME + " Edg/130.0", "Edge on Windows"),
        (SAFARI, "Safari on Mac"),
        (ANDROID, "Chrome on Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) CriOS/130 Mobile Safari/604.1", "Chrome on iPhone"),
        ("Something/1.0 (Linux)", "A browser on Linux"),
        ("Firefox/140.0", "Firefox"),
        ("curl/8.1", "curl"),
        ("", "Unknown browser"),
        ("///", "Unknown browser"),
        ("x" * 200, "x" * 40),
    ],
)
def test_a_browser_has_a_name_in_words(agent: str, words: str) -> None:
    assert in_words(agent) == words


@pytest.mark.slow
@given(st.text())
def test_a_normal_email_is_normal(text: str) -> None:
    assert normal_email(normal_email(text)) == normal_email(text)
