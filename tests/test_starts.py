"""The real server starts and serves pages, whatever state its database is in."""

import os
import sqlite3
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import KEYS
from tests.engine.poison import poisoned
from tests.support.person import Person
from tests.support.server import Server
from tests.support.waiting import until
from tests.upstream.handle import Upstream
from webapp.app import create_app
from webapp.base.config import ROOT, load
from webapp.people.accounts import service as accounts

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

# Longer than a write's timeout.
HELD_SECONDS = 8
# A later start can take this many times as long, if the machine has become busy.
SLOWER = 2
# Two frames of the write-ahead log, each a page with its header.
LOST_BYTES = 2 * (4096 + 24)
WRITTEN_DOWN = "SELECT 1 FROM generation_journal WHERE entries LIKE '%w000040%'"
# Wall-clock time, which includes that of other processes; a start that waited for the lock would never finish.
PATIENT_SECONDS = 60


class Start(NamedTuple):
    """The time until the first response, and the CPU time of it, which other processes do not affect."""

    seconds: float
    cpu_seconds: float

    @classmethod
    def of(cls, server: Server) -> "Start":
        seconds = server.start()
        fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in (server.pid, *server.worker_pids)]
        return cls(seconds, sum(int(field[11]) + int(field[12]) for field in fields) / os.sysconf("SC_CLK_TCK"))


@pytest.fixture
def prepared(tmp_path: Path) -> Iterator[tuple[Server, Start]]:
    """Yields a server with 55 orphaned generations, whose journals are corrupt in eleven ways, and its normal start time."""
    server = Server(tmp_path)
    clean = Start.of(server)
    server.terminate()
    app = create_app(load({"DATA_DIR": str(tmp_path), "SECRET_KEY": KEYS["SECRET_KEY"]}))
    with app.app_context():
        person = accounts.add_user("ada@example.org", "member", "a quiet river at night").id
    poisoned(app, person, times=5)
    yield server, clean
    server.kill()


def test_poisoned_journals_delay_no_start(prepared):
    server, clean = prepared
    poisoned_start = Start.of(server)
    assert poisoned_start.cpu_seconds < SLOWER * clean.cpu_seconds + 1
    assert poisoned_start.seconds < SLOWER * clean.seconds + PATIENT_SECONDS

    until(lambda: server.running() == 0, "nothing is left to be saved", seconds=60)
    assert "WORKER TIMEOUT" not in server.log
    assert server.rows("SELECT count(*) FROM generations WHERE status = 'interrupted'") == [(55,)]


@pytest.mark.deep
def test_a_database_that_is_held_for_longer_than_a_statement_waits_delays_no_page(prepared):
    server, clean = prepared
    with closing(sqlite3.connect(server.folder / "millrace.sqlite3", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        # While the lock is held, anything that waits for it never finishes.
        assert server.start() < SLOWER * clean.seconds + PATIENT_SECONDS
        worker, started_at = server.worker_pids, time.monotonic()
        while time.monotonic() < started_at + HELD_SECONDS:
            with urllib.request.urlopen(f"{server.url}/login", timeout=HELD_SECONDS) as page:
                assert page.status == 200
            time.sleep(0.5)
        assert server.running() == 55

    until(lambda: server.running() == 0, "nothing is left to be saved", seconds=60)
    assert server.worker_pids == worker


@pytest.mark.deep
def test_a_log_of_the_database_that_lost_its_end_leaves_no_answer_without_one(tmp_path: Path, fake: Upstream) -> None:
    with started(tmp_path, **fake.environ) as server:
        server.set(restart__policy="never", models__titles="off")
        person = Person(server.url).become_owner(server.owner_link)
        fake.counts(400, holds=[50])
        path = person.begin("Count")
        until(lambda: server.rows(WRITTEN_DOWN), "its words are written down, behind everything that the chat needs")
        server.kill()
        damage_the_end(tmp_path / "millrace.sqlite3-wal")

        server.start()
        until(lambda: server.running() == 0, "every answer has its end")
        assert not server.rows("SELECT 1 FROM generations WHERE status IN ('queued', 'running')")
        assert person.last_answer(path).status == "interrupted"
        fake.says("Fine.")
        assert person.post(f"{path}/messages", message="Again").status == 303
        until(lambda: person.last_answer(path).status == "completed", "the chat goes on")


@contextmanager
def started(folder: Path, **environ: str) -> Iterator[Server]:
    server = Server(folder, **environ)
    try:
        server.start()
        yield server
    finally:
        server.close()


def damage_the_end(log: Path) -> None:
    """Overwrites the last frames of the write-ahead log with garbage, as after a power failure."""
    with log.open("r+b") as file:
        file.seek(-LOST_BYTES, os.SEEK_END)
        file.write(b"\xff" * LOST_BYTES)


def test_an_environment_that_root_makes_is_for_everyone_or_says_so(tmp_path):
    made = subprocess.run(["sh", ROOT / "scripts/venv.sh", tmp_path / ".venv"], capture_output=True, text=True, check=True)
    command = [tmp_path / ".venv/bin/python", "-c", "import sys; print(sys.base_prefix)"]
    base = Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()).resolve()
    is_for_all = all(folder.stat().st_mode & 1 for folder in (base, *base.parents))
    assert is_for_all or os.geteuid() or "Only root can use" in made.stderr
