"""Which workers are dead, judged by their files, and for how long that is remembered."""

import pytest

from webapp.db import utc_now
from webapp.engine.ownership import LEASE, Worker

LEASE_SECONDS = LEASE.total_seconds()


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
