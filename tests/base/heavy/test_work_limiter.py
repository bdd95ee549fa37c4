"""The work limiter bounds how many requests run simultaneously, in total and per person; one that waits holds no connection."""

import gevent
import pytest
from flask import Flask
from gevent.event import Event
from sqlalchemy import text

from tests.support.marks import also_on_postgres
from tests.support.waiting import until
from webapp.base.db import db
from webapp.base.errors import Unavailable
from webapp.base.heavy.work_limiter import WorkLimiter


class Visits:
    """Visitors who enter the door and stay until `end`."""

    def __init__(self, app: Flask, crowded: WorkLimiter) -> None:
        self._app, self._limiter, self._over = app, crowded, Event()
        self.inside: list[str] = []

    def begin(self, whose: str) -> gevent.Greenlet:
        return gevent.spawn(self._visit, whose)

    def end(self) -> None:
        self._over.set()

    def _visit(self, whose: str) -> None:
        with self._app.app_context():
            db.session.execute(text("SELECT 1"))
            with self._limiter.entered(whose):
                self.inside.append(whose)
                self._over.wait()


@also_on_postgres
def test_who_asks_often_keeps_nobody_else_outside(app: Flask) -> None:
    callers = Visits(app, WorkLimiter(most=4, most_each=2, before_waiting=lambda: db.session.rollback()))
    greedy = [callers.begin("ada") for _ in range(10)]
    until(lambda: callers.inside == ["ada", "ada"], "two are inside")

    other = callers.begin("ben")

    until(lambda: callers.inside == ["ada", "ada", "ben"], "somebody else needs not wait")
    with app.app_context():
        until(lambda: db.engine.pool.checkedout() == 3, "who waits holds no connection")  # type: ignore[attr-defined]
    callers.end()
    gevent.joinall([*greedy, other], timeout=60, raise_error=True)
    assert len(callers.inside) == 11


def test_nobody_waits_for_ever(app: Flask) -> None:
    narrow = WorkLimiter(most=1, most_each=1, patience_seconds=0.01)
    with app.app_context(), narrow.entered("ada"), pytest.raises(Unavailable), narrow.entered("ben"):
        pass

    with app.app_context(), narrow.entered("ben"):
        pass
