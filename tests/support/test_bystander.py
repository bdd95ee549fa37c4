"""The tests' bystander reports nothing while nothing happens, and fails when the event loop is blocked."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.support import standstill, starved
from tests.support.bystander import bystander, late_by
from tests.support.bystander_reader import WORD
from tests.support.person import Person
from tests.support.server import Server, prepared
from tests.support.starved import watched
from tests.support.waiting import until
from tests.upstream.handle import Upstream
from webapp.base.logs import TextLines
from webapp.base.process.watchdog import BLOCKED

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(fake_process: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with prepared(tmp_path_factory.mktemp("bystander"), **fake_process.environ) as server:
        server.start()
        yield server


@pytest.fixture(scope="module")
def owner(server: Server) -> Person:
    return Person(server.url).become_owner(server.owner_link)


def test_it_says_nothing_while_nothing_happens(server: Server, owner: Person, fake: Upstream) -> None:
    with bystander(server, fake, person=owner) as beside:
        fake.reset()

    assert len(beside.sent) > 0
    assert beside.kept == beside.sent
    assert {page.path.partition("/")[2].partition("/")[0] for page in beside.pages} <= {"healthz", "chats"}
    assert not fake.log()


def test_it_fails_when_the_worker_stands_still_for_a_second(server: Server, owner: Person, fake: Upstream) -> None:
    with pytest.raises(AssertionError, match=r"their answer stood still \d+ ms longer than the control stream"):
        beside_a_pause_of(server.worker_pids[0], server, owner, fake)


def test_it_does_not_blame_the_server_for_an_upstream_that_stands_still(server: Server, owner: Person, fake: Upstream) -> None:
    beside_a_pause_of(fake.pid, server, owner, fake)


def beside_a_pause_of(pid: int, server: Server, owner: Person, fake: Upstream) -> None:
    with bystander(server, fake, person=owner):
        began = time.monotonic()
        os.kill(pid, signal.SIGSTOP)
        # A stall of the machine would excuse the pause, so it must not count.
        until(lambda: time.monotonic() - began - standstill.seconds(began, time.monotonic()) > 2, "it has stood still")
        os.kill(pid, signal.SIGCONT)


def test_a_process_that_gets_no_processor_is_noticed() -> None:
    """Two busy processes share one processor: each waits for at least half of the time."""
    command = [sys.executable, "-c", "import os\nos.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\nwhile True: pass"]
    with subprocess.Popen(command) as one, subprocess.Popen(command) as other, watched(one.pid) as waiting:
        try:
            began = time.monotonic()
            until(lambda: waiting.seconds(began, time.monotonic()) > 0.5, "it is written down")
        finally:
            one.kill()
            other.kill()


@pytest.mark.parametrize(
    ("state", "ran", "waited", "seconds"),
    [("S", 1.0, 2.0, 0.0), ("R", 1.5, 2.0, 0.0), ("R", 1.0, 2.0, 0.5), ("D", 1.0, 2.0, 0.5), ("R", 1.0, 2.25, 0.25)],
    ids=["asleep", "at work", "waiting", "at the disk", "after a wait"],
)
def test_only_what_keeps_a_process_from_going_on_counts(state, ran, waited, seconds) -> None:
    assert starved.kept(starved.Look(8.0, "R", 1.0, 2.0), starved.Look(8.5, state, ran, waited)) == seconds


def test_a_process_that_rests_waits_for_nothing() -> None:
    with subprocess.Popen(["sleep", "60"]) as resting, watched(resting.pid) as waiting:
        began = time.monotonic()
        time.sleep(1)
        resting.kill()

    assert waiting.seconds(began, began + 1) < 0.5


@pytest.mark.parametrize(
    ("gap", "control", "excess"),
    [
        ((0.0, 1.0), [(0.0, 0.5), (0.5, 1.0)], 0.5),
        ((0.0, 1.0), [(0.25, 1.25)], 0.0),
        ((0.0, 1.0), [(1.0, 3.0)], 1.0),
        ((0.0, 1.0), [], 1.0),
    ],
)
def test_only_what_the_control_went_through_at_the_same_time_counts(gap, control, excess) -> None:
    assert late_by(gap, control) == excess


@pytest.mark.parametrize(("line", "seconds"), [("0.5 1.25", 0.25), ("1.25 1.5", 0.25), ("1.5 9.0", 0.5), ("2.5 9.0", 0.0)])
def test_only_what_a_standstill_has_in_common_with_a_gap_counts(line, seconds) -> None:
    assert standstill.overlap(line, 1.0, 2.0) == seconds


@pytest.mark.parametrize(
    ("seconds", "asleep", "stack", "is_told"),
    [(0.3, 0.0, "a.py:1 f", True), (0.3, 0.2, "a.py:1 f", False), (0.6, 0.6, "a.py:1 f", True), (0.3, 0.0, "", False)],
)
def test_a_hold_is_found_in_the_log(seconds, asleep, stack, is_told) -> None:
    record = logging.LogRecord("loop", logging.WARNING, "", 1, BLOCKED, None, None)
    # Long before any recorded stall of this machine.
    record.created = 0.0
    record.fields = {"seconds": seconds, "asleep": asleep, "unsaid_before": 0, "stack": stack}

    assert bool(standstill.holds(TextLines(has_content=False).format(record), lambda: 1.0)) is is_told


def test_an_id_is_not_taken_for_a_word() -> None:
    said = rb'"text": "w000001 w000002\n\nw000003" <p id="01m7xw828226y0j8y5rer1py4s">w000004</p> 01m7xw028226y0j8'

    assert WORD.findall(said) == [b"w000001", b"w000002", b"w000003", b"w000004"]


def test_a_machine_that_stands_still_is_noticed() -> None:
    _, process = standstill.watch()[0]
    began = time.monotonic()
    process.send_signal(signal.SIGSTOP)
    time.sleep(1)
    process.send_signal(signal.SIGCONT)

    until(lambda: standstill.seconds(began, time.monotonic()) > 0.9, "it is written down")
