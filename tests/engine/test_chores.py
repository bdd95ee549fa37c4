"""Chores that one of several workers does: after any failure the next attempt finds the claim released."""

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from tests.engine.injection import Faults
from webapp.base.db import db
from webapp.engine.chores import advisory_lock, run_steps
from webapp.engine.engine import ENGINE

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("backend", ["postgres"])
@pytest.mark.parametrize(("sort", "n"), [("execute", 1), ("execute", 2), ("commit", 1), ("commit", 2)])
def test_what_was_claimed_is_free_again_after_any_failure(app, sort, n):
    faults = Faults()
    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", lambda *_: faults.of_database("execute"))
        event.listen(db.engine, "commit", lambda _connection: faults.of_database("commit"))
        with faults.armed(sort, n):
            try:
                with advisory_lock("sweeping"):
                    pass
            except OperationalError:
                assert faults.has_failed

        # The first connection is in use, so the next attempt gets another one.
        with db.engine.connect(), advisory_lock("sweeping") as is_mine:
            assert is_mine


def test_a_server_that_is_about_to_end_begins_nothing_more(app):
    engine, done = ENGINE.of(app), []

    def last() -> None:
        done.append("last")
        engine.is_closing = True

    with app.app_context():
        assert not run_steps((last, lambda: done.append("one more")))
    assert done == ["last"]
