"""Two concurrent changes of a plan are both kept."""

import gevent
import pytest

from tests.support.statements import listening
from webapp.base.db import db
from webapp.plans.tables import Plan
from webapp.plans.writing import service

PLACES = "weeks.0.tasks.0", "weeks.0.tasks.1"


# SQLite has one writer at a time.
@pytest.mark.slow
@pytest.mark.parametrize("backend", ["postgres"])
def test_two_tasks_are_ticked_off_at_once(app, desk):
    id = desk.made().id
    here, others = gevent.getcurrent(), list[gevent.Greenlet]()

    def tick(place: str) -> None:
        with app.app_context():
            service.tick(db.session.get_one(Plan, id), place)

    def meanwhile(_connection, _cursor, sql: str, *_: object) -> None:
        if gevent.getcurrent() is here and sql.startswith("UPDATE plans"):
            others.append(gevent.spawn(tick, PLACES[1]))
            # It waits then, or is through.
            others[0].join(timeout=0.3)

    with listening(app, "before_cursor_execute", meanwhile):
        tick(PLACES[0])
    others[0].get(timeout=30)

    assert sorted(desk.plan(id).ticked) == list(PLACES)
