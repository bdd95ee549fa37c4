"""When PostgreSQL refuses connections for a while, pages wait for one, and report an error after a few seconds."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import gevent
import psycopg
import pytest
from flask import Flask
from sqlalchemy import Connection, event

from tests.support.browser import Browser
from webapp.base.db import db

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("backend", ["postgres"])]


class Others:
    """Other clients of the same server, which use up all of its connections."""

    def __init__(self, app: Flask) -> None:
        self._app, self._held = app, list[psycopg.Connection]()

    def take_all(self) -> None:
        with self._app.app_context():
            url = db.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
            db.engine.dispose()
        with suppress(psycopg.OperationalError):
            while True:
                self._held.append(psycopg.connect(url))

    def end(self, connection: Connection) -> None:
        """Terminates one of the application's connections, and takes its slot."""
        pid = connection.connection.driver_connection.info.backend_pid
        self._held[0].execute("SELECT pg_terminate_backend(%s, 60000)", (pid,))
        self.take_all()

    def release(self) -> None:
        while self._held:
            self._held.pop().close()


@pytest.fixture
def others(app: Flask) -> Iterator[Others]:
    others = Others(app)
    yield others
    others.release()


def test_a_page_waits_for_a_connection(member: Browser, others: Others) -> None:
    others.take_all()
    pages = [gevent.spawn(member.get, "/chats") for _ in range(5)]
    gevent.sleep(0.5)
    assert not any(page.dead for page in pages)
    others.release()

    with gevent.Timeout(60):
        assert [page.get().status_code for page in pages] == [200] * 5


def test_it_says_so_where_there_is_none(member: Browser, others: Others) -> None:
    others.take_all()

    with gevent.Timeout(60):
        page = member.get("/chats")

    assert page.status_code == 503
    assert "database is unavailable." in page.text


def test_a_program_is_told_so_which_was_known_before(app: Flask, member: Browser, others: Others) -> None:
    def before(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if "FROM chats" in statement:
            others.take_all()
            others.end(connection)

    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", before)
    with gevent.Timeout(60):
        answer = member.get("/api/v1/chats")

    assert answer.status_code == 503
    assert "unavailable" in answer.text
