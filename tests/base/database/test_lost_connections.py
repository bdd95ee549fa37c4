"""When PostgreSQL ends a connection in the middle of a page, as in a restart, the page's reads are retried."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask, request_finished
from sqlalchemy import Connection, event, text

from tests.conftest import MakeApp
from tests.support.browser import Browser
from webapp.base.database.retrying_pool import PATIENCE_SECONDS
from webapp.base.db import autocommit_connection, db

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("backend", ["postgres"])]


def end(app: Flask, connection: Connection) -> None:
    """Terminates a connection as an administrator does, and waits until it is gone."""
    with app.app_context(), db.engine.connect() as other:
        pid = connection.connection.driver_connection.info.backend_pid
        other.execute(text("SELECT pg_terminate_backend(:pid, 60000)"), {"pid": pid})


@contextmanager
def ending(app: Flask, sign: str, times: int) -> Iterator[list[str]]:
    """Terminates the connection before a statement that contains `sign`, this many times."""
    ended: list[str] = []

    def before(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if sign in statement and len(ended) < times:
            ended.append(statement)
            end(app, connection)

    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", before)
        yield ended
        event.remove(db.engine, "before_cursor_execute", before)


def test_a_page_that_has_lost_its_connection_is_read_again(app: Flask, member: Browser) -> None:
    with ending(app, "FROM chats", 1) as ended:
        assert member.get("/chats").status_code == 200
    assert ended


def test_it_is_read_again_once(app: Flask, member: Browser) -> None:
    with ending(app, "FROM chats", 2) as ended:
        page = member.get("/chats")

    assert (page.status_code, len(ended)) == (503, 2)
    assert "database is unavailable." in page.text


@pytest.mark.parametrize("command", ["prepare", "check", "users list"])
def test_what_postgresql_refuses_is_said_at_once_with_its_reason(
    make_bare_app: MakeApp, empty_database: dict[str, str], command: str
) -> None:
    app = make_bare_app(DATABASE_URL=empty_database["DATABASE_URL"].replace("/test_", "/nowhere_"))
    began = time.monotonic()

    result = app.test_cli_runner().invoke(args=command.split())

    assert result.exit_code == 1
    assert re.search(r'The database can\'t be reached: .*FATAL:  database "nowhere_\d+" does not exist', result.output)
    assert time.monotonic() - began < PATIENCE_SECONDS
    assert app.test_client().get("/readyz").json["detail"] == "The database is not responding."


def test_what_changes_something_is_not_done_again(app: Flask, member: Browser) -> None:
    with ending(app, "INSERT INTO chats", 2) as ended:
        page = member.post("/chats", message="Hello")

    assert (page.status_code, len(ended)) == (503, 1)


def test_a_page_is_given_that_has_all_it_wants_of_a_connection_which_is_gone(app: Flask, member: Browser) -> None:
    def finished(_app: Flask, **_: Any) -> None:
        if db.session().in_transaction():
            end(app, db.session.connection())

    with request_finished.connected_to(finished, app):
        assert member.get("/chats").status_code == 200
    assert member.get("/chats").status_code == 200


def test_what_was_read_only_for_a_while_is_written_again(app: Flask, member: Browser) -> None:
    change = f'ALTER DATABASE "{database(app)}" SET default_transaction_read_only = '
    with app.app_context(), autocommit_connection() as connection:
        connection.execute(text(change + "on"))
    with app.app_context():
        db.engine.dispose()

    page = member.post("/chats", message="Hello")
    assert page.status_code == 503
    assert "database is read-only" in page.text
    with app.app_context(), autocommit_connection() as connection:
        connection.execute(text("SET default_transaction_read_only = off"))
        connection.execute(text(change + "off"))
        connection.invalidate()
    # A background task can have a connection of that time at hand, which comes back to the pool after the first message or the
    # second: its failure invalidates all others of that time.
    pages = [member.post("/chats", message="Hello") for _ in range(3)]
    assert [page.status_code for page in pages].count(303) >= 2, [page.text for page in pages]


def database(app: Flask) -> str:
    with app.app_context():
        return str(db.engine.url.database)


def test_a_machine_that_has_gone_is_noticed(app: Flask) -> None:
    with app.app_context(), db.engine.connect() as connection:
        known = connection.connection.driver_connection.info.get_parameters()

    assert {known[name] for name in ("connect_timeout", "tcp_user_timeout")} == {"10", "20000"}


def test_what_the_address_says_counts(make_app: MakeApp, migrated: dict[str, str]) -> None:
    app = make_app(DATABASE_URL=f"{migrated['DATABASE_URL']}&connect_timeout=3")

    with app.app_context(), db.engine.connect() as connection:
        known = connection.connection.driver_connection.info.get_parameters()
    assert (known["connect_timeout"], known["tcp_user_timeout"]) == ("3", "20000")


def test_what_cannot_be_rolled_back_ends_with_its_connection(app: Flask) -> None:
    with app.app_context():
        driver = db.session.connection().connection.driver_connection
        # Inside this block psycopg refuses to roll back.
        within = driver.transaction()
        within.__enter__()
        db.session.rollback()

        assert driver.closed
        assert db.session.scalar(text("SELECT 1")) == 1
