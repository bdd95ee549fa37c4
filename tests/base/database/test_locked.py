"""A row or table locked in PostgreSQL delays those who need it for a limited time, and never forever."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gevent
import pytest
from flask import Flask
from flask_migrate import downgrade
from sqlalchemy import Engine, event, text, update

from tests.support.browser import Browser
from tests.support.waiting import until
from webapp.base.config import ROOT
from webapp.base.database.state import trouble_with_database
from webapp.base.db import db, utc_now, write
from webapp.operations.starting.prepare import BLOCKED
from webapp.people.accounts.service import SEEN_EVERY
from webapp.people.accounts.tables import UserSession

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("backend", ["postgres"])]


@contextmanager
def held(app: Flask, statement: str) -> Iterator[None]:
    """Keeps another connection's transaction open, neither committed nor rolled back, after this statement."""
    with app.app_context(), db.engine.connect() as connection:
        connection.execute(text(statement))
        yield
        connection.rollback()


def wait_at_most(app: Flask, lock_timeout: str) -> None:
    """Sets the lock timeout of all connections from now on."""
    with app.app_context():
        db.engine.dispose()

        @event.listens_for(db.engine, "connect")
        def bound(connection: Any, _record: Any) -> None:
            connection.execute(f"SET lock_timeout = '{lock_timeout}'")
            connection.commit()


def test_whoever_needs_a_locked_table_is_told_so(app: Flask, member: Browser) -> None:
    with held(app, "LOCK TABLE chats IN ACCESS EXCLUSIVE MODE"), gevent.Timeout(60):
        page = member.get("/")

    assert page.status_code == 503
    assert "The database is busy." in page.text
    assert member.get("/").status_code == 200


def test_a_page_does_not_wait_for_what_is_merely_noted(app: Flask, member: Browser, caplog: pytest.LogCaptureFixture) -> None:
    with app.app_context(), write() as session:
        session.execute(update(UserSession).values(seen_at=utc_now() - 2 * SEEN_EVERY))
    wait_at_most(app, "0")

    with held(app, "SELECT 1 FROM user_sessions FOR UPDATE"), gevent.Timeout(60):
        assert member.get("/").status_code == 200
    assert "not_noted" in caplog.messages


def test_a_migration_lets_others_pass_until_it_can_begin(app: Flask) -> None:
    tried: list[str] = []
    with app.app_context():
        downgrade(str(ROOT / "migrations"), "base")
    wait_at_most(app, "200ms")

    @event.listens_for(Engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        tried.extend([statement] * statement.startswith("INSERT INTO alembic_version"))

    with held(app, "LOCK TABLE alembic_version IN SHARE MODE"):
        preparing = gevent.spawn(app.test_cli_runner().invoke, args=["prepare"])
        until(lambda: len(tried) > 1 or preparing.dead, "it has tried again")
    preparing.join(60)
    event.remove(Engine, "before_cursor_execute", note)

    assert preparing.value.exit_code == 0, preparing.value.output
    assert BLOCKED in preparing.value.output
    with app.app_context():
        assert not trouble_with_database()


@pytest.mark.parametrize("path", ["/admin/audit?person=%00", "/admin/audit?action=%00", "/insights/answers?model=%00"])
def test_what_no_text_can_hold_is_no_fault_of_the_database(owner: Browser, path: str) -> None:
    assert owner.get(path).status_code == 422
