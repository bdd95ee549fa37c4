"""Fixtures and helpers for the tests of accounts."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TypeVar

import gevent
import pytest
from flask import Flask
from sqlalchemy import update

from tests.conftest import signed_in
from tests.support.browser import Browser
from tests.support.page import Page
from webapp.base.db import utc_now, write
from webapp.base.throttle import SignInThrottle
from webapp.people.accounts import queries, service
from webapp.people.accounts.queries import hashed
from webapp.people.accounts.service import SIGN_INS
from webapp.people.accounts.tables import User, UserSession

ELSEWHERE = "http://millrace.example"


@pytest.fixture
def inside(app: Flask) -> Iterator[None]:
    """An application context, as in a command that calls the services."""
    with app.app_context():
        yield


@pytest.fixture
def stopped_clock(app: Flask) -> None:
    """Stops the clock of the rate limit: on a slow machine each guess takes so long that another would be allowed."""
    SIGN_INS.set(SignInThrottle(lambda: 1.0), app)


@pytest.fixture
def token(app: Flask) -> str:
    """The token of a new owner link."""
    with app.app_context():
        return (service.owner_link(ELSEWHERE) or "").partition("token=")[2]


T = TypeVar("T")


def in_parallel(app: Flask, work: Callable[[int], T], times: int) -> list[T]:
    """Runs the work in parallel greenlets, each with its own application context."""

    def one(number: int) -> T:
        with app.app_context():
            return work(number)

    jobs = [gevent.spawn(one, number) for number in range(times)]
    return [job.get(timeout=60) for job in jobs]


def let_time_pass(secret: str, passed: timedelta) -> None:
    """Ages a session, as if it had not been used since."""
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
    """Returns the current row of the account."""
    with browser.app.app_context():
        user = queries.user_by_email(browser.email)
        assert user, f"{browser.email} is gone"
        return user


def is_signed_in(browser: Browser) -> bool:
    return browser.get("/account").status_code == 200


def written_down(app: Flask) -> list[tuple[str, str, str]]:
    """Returns actor, action and details from the audit log, newest first."""
    with app.app_context():
        return [(entry.actor, entry.action, entry.detail) for entry in queries.audit_entries(limit=100)]


def secret_of(page: Page) -> str:
    """Returns the secret that the page shows once."""
    return page.one("#once-secret").attributes["value"] or ""
