"""One server for each data folder: the second says so and ends, and nothing that ends the first leaves its lock behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.server import ROOT, Server, prepared
from webapp import instance

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def second(folder: Path) -> "subprocess.CompletedProcess[str]":
    """Another server on this folder, which is expected to end by itself."""
    environ = {**os.environ, "HOST": "127.0.0.1", "PORT": str(free_port()), "DATA_DIR": str(folder)}
    command = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py"]
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=180)


def test_a_second_server_on_the_same_folder_says_why_it_ends(tmp_path: Path) -> None:
    with prepared(tmp_path) as server:
        server.start()
        refused = second(tmp_path)

        assert refused.returncode == 1
        assert refused.stderr.splitlines()[-1] == instance.TAKEN.format(tmp_path)
        # Commands go on beside it.
        assert server.flask("settings", "list")
        assert server.worker_pids


def test_a_folder_that_takes_no_lock_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / instance.FILE).mkdir()

    refused = second(tmp_path)

    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1] == f"DATA_DIR cannot be written to: {tmp_path / instance.FILE}: Is a directory."
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("end", [Server.kill, Server.terminate], ids=["killed", "ended"])
@pytest.mark.mostly_deep
def test_whatever_ends_the_first_lets_the_next_one_start(tmp_path: Path, end) -> None:
    with prepared(tmp_path) as server:
        server.start()
        end(server)
        server.start()
        # The worker that follows has no part in the lock.
        server.kill_worker()


def test_a_server_that_is_killed_alone_leaves_no_lock_to_its_worker(tmp_path: Path) -> None:
    with prepared(tmp_path) as server:
        server.start()
        os.kill(server.pid, 9)
        server._wait(60)

        instance.hold(tmp_path)
        with pytest.raises(instance.Taken):
            instance.hold(tmp_path)
        instance.let_go()
