"""What the tests of accounts share."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import gevent
import pytest
from flask import Flask
from sqlalchemy import update

from tests.support.browser import Browser
from webapp.accounts import service
from webapp.accounts.queries import hashed
from webapp.accounts.tables import User, UserSession
from webapp.extensions import utc_now, write

ELSEWHERE = "http://millrace.example"


@pytest.fixture
def inside(app: Flask) -> Iterator[None]:
    """The services are called as a command calls them."""
    with app.app_context():
        yield


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
    return [job.get(timeout=30) for job in jobs]


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
