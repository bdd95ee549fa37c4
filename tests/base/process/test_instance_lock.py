"""One server per data folder: a second one exits with an error, and however the first ends, its lock is released."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.server import ROOT, Server, is_gone, prepared
from tests.support.waiting import until
from webapp.base.process import instance_lock

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with prepared(tmp_path_factory.mktemp("first")) as server:
        yield server


@pytest.fixture
def first(made: Server) -> Server:
    """A server that responds, started again if an earlier test has stopped it or its worker."""
    if not made.is_running:
        made.start()
    # A worker shares the lock until it has started.
    made.await_answer()
    return made


def second(folder: Path) -> "subprocess.CompletedProcess[str]":
    """Runs a second server on this folder, which is expected to exit."""
    environ = {**os.environ, "HOST": "127.0.0.1", "PORT": str(free_port()), "DATA_DIR": str(folder)}
    command = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py"]
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=180)


def test_a_second_server_on_the_same_folder_says_why_it_ends(first: Server) -> None:
    refused = second(first.folder)

    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1] == instance_lock.TAKEN.format(first.folder)
    # Commands still work while the server runs.
    assert first.flask("settings", "list")
    assert first.worker_pids


def test_a_folder_that_takes_no_lock_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / instance_lock.FILE).mkdir()

    refused = second(tmp_path)

    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1] == f"DATA_DIR cannot be written to: {tmp_path / instance_lock.FILE}: Is a directory."
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("end", [Server.kill, Server.terminate], ids=["killed", "ended"])
@pytest.mark.mostly_deep
def test_whatever_ends_the_first_lets_the_next_one_start(first: Server, end: Callable[[Server], object]) -> None:
    end(first)
    first.start()
    # A replacement worker must not share the lock.
    workers = first.worker_pids
    first.kill_worker()
    until(lambda: first.worker_pids and first.worker_pids != workers, "another worker has followed")


def test_a_server_that_is_killed_alone_leaves_no_lock_to_its_worker(first: Server) -> None:
    workers = first.worker_pids
    os.kill(first.pid, 9)
    first._wait(60)

    instance_lock.lock(first.folder)
    with pytest.raises(instance_lock.AlreadyRunning):
        instance_lock.lock(first.folder)
    instance_lock.close_inherited()
    # The orphaned worker keeps the port until it notices, and would answer for the next server.
    until(lambda: all(map(is_gone, workers)), "the worker has ended")
