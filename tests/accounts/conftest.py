"""What the tests of accounts share."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import gevent
import pytest
from flask import Flask
from sqlalchemy import update

from tests.conftest import signed_in
from tests.support.browser import Browser
from tests.support.page import Page
from webapp.accounts import queries, service
from webapp.accounts.queries import hashed
from webapp.accounts.tables import User, UserSession
from webapp.db import utc_now, write
from webapp.throttle import Doorkeeper

ELSEWHERE = "http://millrace.example"


@pytest.fixture
def inside(app: Flask) -> Iterator[None]:
    """The services are called as a command calls them."""
    with app.app_context():
        yield


@pytest.fixture
def stopped_clock(app: Flask) -> None:
    """No time passes for whoever guesses: a slow machine takes so long for each guess that another is free meanwhile."""
    app.extensions["doorkeeper"] = Doorkeeper(lambda: 1.0)


@pytest.fixture
def token(app: Flask) -> str:
    """The token of a fresh link for the owner."""
    with app.app_context():
        return (service.owner_link(ELSEWHERE) or "").partition("token=")[2]


def in_parallel(app: Flask, work: Callable[[int], str], times: int) -> list[str]:
    """Does the work in greenlets at the same time, each with a context of its own."""

    def one(number: int) -> str:
        with app.app_context():
            return work(number)

    jobs = [gevent.spawn(one, number) for number in range(times)]
    return [job.get(timeout=60) for job in jobs]


def let_time_pass(secret: str, passed: timedelta) -> None:
    """Makes a session as old as if it had not been used since."""
    with write() as session:
        times = {"seen_at": UserSession.seen_at, "expires_at": UserSession.expires_at}
        row = session.query(UserSession).filter_by(token_hash=hashed(secret)).one()
        for name in times:
            setattr(row, name, getattr(row, name) - passed)


def disable(email: str) -> None:
    with write() as session:
        session.execute(update(User).where(User.email == email).values(disabled_at=utc_now()))


def browsers(app: Flask, count: int) -> list[Browser]:
    return [Browser(app) for _ in range(count)]


@pytest.fixture
def admin(app: Flask) -> Browser:
    return signed_in(app, "admin@example.org", "admin")


@pytest.fixture
def guest(app: Flask) -> Browser:
    return signed_in(app, "guest@example.org", "guest")


def account(browser: Browser) -> User:
    """The account as it stands now."""
    with browser.app.app_context():
        user = queries.user_by_email(browser.email)
        assert user, f"{browser.email} is gone"
        return user


def is_signed_in(browser: Browser) -> bool:
    return browser.get("/account").status_code == 200


def written_down(app: Flask) -> list[tuple[str, str, str]]:
    """Who did what, and the details, newest first."""
    with app.app_context():
        return [(each.actor, each.action, each.detail) for each in queries.audit_entries(limit=100)]


def secret_of(page: Page) -> str:
    """What the page shows this once."""
    return page.one("#once-secret").attributes["value"] or ""
