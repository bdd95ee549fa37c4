"""Which workers are dead, judged by their files, for how long that is remembered, and how the living ones show it."""

from datetime import datetime

import pytest
from flask import Flask
from sqlalchemy import update

from tests.support.marks import on_both_databases
from webapp.base.database import rows
from webapp.base.db import db, utc_now, write
from webapp.engine.state.ownership import HEARTBEAT_EVERY, LEASE, Worker, renew
from webapp.engine.tables import Generation

LEASE_SECONDS = LEASE.total_seconds()
LONG_AGO = utc_now().replace(year=2020)


@pytest.fixture
def worker(tmp_path):
    worker = Worker("one", tmp_path)
    worker.begin()
    yield worker
    worker.end()


def test_a_death_is_known_for_a_lease_even_if_nothing_was_left_at_first(worker, tmp_path):
    """The dead worker's last generation can be found a moment later, and must not wait for its lease to expire then."""
    (tmp_path / "other").touch()
    for now in (100.0, 101.0, 99.0 + LEASE_SECONDS):
        worker.remove_dead(now, LEASE_SECONDS)
        assert worker.is_dead("other", utc_now())

    worker.remove_dead(100.0 + LEASE_SECONDS, LEASE_SECONDS)

    assert worker.others() == []
    assert worker.is_dead("other", utc_now() - LEASE * 1.1)


def test_the_living_are_not_buried(worker, tmp_path):
    other = Worker("other", tmp_path)
    other.begin()
    worker.remove_dead(0.0, 0.0)
    worker.remove_dead(1000.0, 0.0)

    assert worker.others() == ["other"]
    assert not worker.is_dead("other", utc_now())
    other.end()


@on_both_databases
def test_a_heartbeat_is_written_once_a_second_and_at_the_first_sight(app: Flask) -> None:
    """Every look holds the rows against other workers, but rewriting a hundred of them five times a second costs too much."""
    with app.app_context():
        with write() as session:
            run = Generation(kind="chat", lane="one", model_asked="m", owner="w", status="queued", heartbeat_at=LONG_AGO)
            rows.store(session, run)

        assert list(look()) == [run.id]
        first, status = stored(run.id)
        assert (first > LONG_AGO, status) == (True, "running")

        assert list(look()) == [run.id]
        assert stored(run.id) == (first, "running")

        with write() as session:
            session.execute(update(Generation).values(heartbeat_at=utc_now() - HEARTBEAT_EVERY, stop_requested_at=LONG_AGO))
        assert look() == {run.id: LONG_AGO}
        assert stored(run.id)[0] > first

        with write() as session:
            session.execute(update(Generation).values(owner="another"))
        assert look() == {}


def look() -> dict[str, datetime | None]:
    with write() as session:
        return renew(session, "w")


def stored(id: str) -> tuple[datetime, str]:
    """Returns a generation's last heartbeat and its status."""
    found = db.session.get_one(Generation, id, populate_existing=True)
    return found.heartbeat_at, found.status
