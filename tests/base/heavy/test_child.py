"""Work in a child process: it streams its results, is limited, and ends when its reader stops."""

import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from io import BytesIO
from tempfile import TemporaryFile
from typing import IO, Any

import gevent
import pytest

from tests.support.turns import nobody_waits
from webapp.base.errors import Unavailable
from webapp.base.heavy import child
from webapp.base.heavy.child import ChildCrashed, Exceeded, WorkLimits
from webapp.base.heavy.work_limiter import AGAIN_SECONDS
from webapp.people.accounts.guards import WHOSE

GREEDY = "tests.base.heavy.greedy"
# The timeout allows for children of earlier tests that are still running.
SMALL = WorkLimits(memory_bytes=256 * 1024 * 1024, cpu_seconds=5, patience_seconds=60)
BRIEF, HASTY = replace(SMALL, cpu_seconds=1), replace(SMALL, patience_seconds=0.1)


@pytest.fixture
def file() -> Iterator[IO[bytes]]:
    with TemporaryFile() as made:
        yield made


def told(file: IO[bytes], text: str, limits: WorkLimits = SMALL) -> Generator[Any, None, None]:
    file.write(text.encode())
    file.flush()
    return child.pieces(GREEDY, file, limits)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_gives_what_it_finds(file):
    assert list(told(file, "say one\nsay zwölf 🌊\nfill 10")) == ["one", "zwölf 🌊", 10]


def test_it_knows_no_variable_and_little_code(file):
    [[_, variables, modules]] = told(file, "tell")

    assert not {"SECRET_KEY", "ENCRYPTION_KEY", "DATA_DIR"} & set(variables)
    assert not {"flask", "gevent", "sqlalchemy", "webapp.base.config"} & set(modules)


@pytest.mark.parametrize("work", ["fill 999999999", "die 1", "die 0"])
def test_what_is_too_much_ends_it(file, work):
    found = told(file, f"say first\n{work}\nsay never")

    assert next(found) == "first"
    with pytest.raises(Exceeded):
        next(found)


@pytest.mark.mostly_slow
@pytest.mark.parametrize(("work", "limits"), [("wait 60", WorkLimits(wall_seconds=0.5)), ("spin", BRIEF)], ids=["clock", "cpu"])
def test_what_takes_too_long_is_ended_while_others_go_on(file, work, limits):
    with nobody_waits(), pytest.raises(Exceeded):
        list(told(file, work, limits))


def test_a_fault_of_ours_is_told_to_the_log(file, caplog):
    with pytest.raises(ChildCrashed):
        list(told(file, "fail here"))

    assert "KeyError: 'here'" in caplog.records[-1].fields["trace"]


def test_whoever_stops_reading_ends_it(file):
    with closing(told(file, "tell\nwait 60")) as found:
        [pid, *_] = next(found)
        assert is_alive(pid)

    assert not is_alive(pid)


def test_a_reader_that_is_killed_ends_it(file):
    pids: list[int] = []

    def read() -> None:
        with closing(told(file, "tell\nwait 60")) as found:
            pids.extend(result[0] for result in found)

    reader = gevent.spawn(read)
    with gevent.Timeout(60):
        while not pids:
            gevent.sleep(0.01)
    reader.kill()

    assert not is_alive(pids[0])


@pytest.mark.slow
def test_one_person_has_one_and_long_work_leaves_places_for_who_waits(app, file):
    def begun(person: str, limits: WorkLimits) -> Generator[Any, None, None]:
        with app.test_request_context(environ_overrides={WHOSE: person}):
            found = child.pieces(GREEDY, file, limits)
            next(found)
            return found

    short = replace(SMALL, is_long=False)
    told(file, "tell\nwait 60")
    with ExitStack() as open_ones:
        for person, limits in (("ada", short), ("ada", SMALL), ("ben", SMALL)):
            open_ones.enter_context(closing(begun(person, limits)))
        with pytest.raises(Unavailable, match="Other files are being read"):
            begun("ada", replace(HASTY, is_long=False))
        with pytest.raises(Unavailable, match="Other files are being read"):
            begun("cai", HASTY)
        open_ones.enter_context(closing(begun("cai", replace(HASTY, is_long=False))))


@pytest.mark.slow
def test_what_is_read_in_the_background_takes_its_owners_place(app, file):
    told(file, "tell\nwait 60")
    with app.app_context(), closing(child.pieces(GREEDY, file, SMALL, owner_id="ada")) as one:
        next(one)
        with pytest.raises(Unavailable):
            next(child.pieces(GREEDY, file, HASTY, owner_id="ada"))
        with app.test_request_context(environ_overrides={WHOSE: "ada"}), pytest.raises(Unavailable):
            next(child.pieces(GREEDY, file, HASTY))
        with app.test_request_context(environ_overrides={WHOSE: "ben"}), closing(child.pieces(GREEDY, file, HASTY)) as other:
            next(other)


@pytest.mark.slow
def test_two_run_at_once_and_the_next_is_refused_with_a_sentence(file):
    with closing(told(file, "tell\nwait 60")) as one, closing(child.pieces(GREEDY, file, SMALL)) as other:
        assert next(one)[0] != next(other)[0]
        with pytest.raises(Unavailable, match="Other files are being read") as refusal:
            next(child.pieces(GREEDY, file, HASTY))

    assert refusal.value.retry_after == AGAIN_SECONDS
    with TemporaryFile() as later:
        assert list(told(later, "say now")) == ["now"]


def test_a_stream_is_put_on_disk_as_it_is():
    content = bytes(range(256)) * 5_000

    with nobody_waits(), child.on_disk(BytesIO(content)) as copy:
        copy.seek(0)
        assert copy.read() == content
