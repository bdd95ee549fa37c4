"""A server whose processes were all stopped and resumed, as by Ctrl+Z and `fg`, or by freezing its container."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.support.person import Person
from tests.support.server import prepared
from tests.support.waiting import until
from tests.upstream.handle import Upstream
from webapp.base.process.pause_detector import NOTICED_SECONDS, SKIPPED_SECONDS, skipped_after_pause

# A worker must start within the first, which takes a while on a busy machine.
TIMEOUT_SECONDS, STALL_SECONDS = 15, 4


def test_a_look_after_a_pause_is_put_off() -> None:
    at, looks = [100.0], list[float]()
    look = skipped_after_pause(lambda: looks.append(at[0]), 1.0, lambda: at[0])

    for passed in [1.0, NOTICED_SECONDS, 60.0, *[1.0] * int(SKIPPED_SECONDS)]:
        at[0] += passed
        look()

    assert looks == [101.0, 103.0, 163.0 + SKIPPED_SECONDS]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.deep
def test_neither_the_worker_nor_an_answer_ends_by_it(tmp_path: Path, fake: Upstream) -> None:
    command_args = f"--timeout {TIMEOUT_SECONDS}"
    with prepared(tmp_path, **fake.environ, GUNICORN_CMD_ARGS=command_args) as server:
        server.may_be_held = "it is stopped"
        server.set(stream__stall_seconds=str(STALL_SECONDS))
        server.start()
        owner, workers = Person(server.url).become_owner(server.owner_link), server.worker_pids
        fake.counts(200, pace=0.05)
        path = owner.begin("Count")
        until(lambda: owner.last_answer(path).status == "responding", "it is being written")

        os.killpg(server.pid, signal.SIGSTOP)
        # Longer than either timeout; the master is resumed first.
        time.sleep(TIMEOUT_SECONDS + 2)
        os.kill(server.pid, signal.SIGCONT)
        time.sleep(3)
        os.killpg(server.pid, signal.SIGCONT)

        until(lambda: not server.running(), "it has ended", seconds=60)
        answer = owner.last_answer(path)
        assert answer.status == "completed"
        assert len(owner.raw(answer.id).split()) == 200
        assert server.worker_pids == workers
        assert "WORKER TIMEOUT" not in server.log
