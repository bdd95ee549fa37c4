"""The real server as an operator runs it: gunicorn in its own process group, with a fresh data folder and a fixed port."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from tests.support import standstill
from tests.support.ports import free_port
from tests.support.preparing import MADE_OTHERWISE, environ_of, flask, link_in, prepared_once
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[2]
UNLIMITED = (
    "limits.streams_per_minute",
    "limits.concurrent_streams",
    "limits.sse_per_chat",
    "limits.sse_per_user",
    "limits.connections_per_address",
    "limits.made_per_minute",
)
# How much of its log a failed test shows.
LOG_CHARS = 4000
STORE = """INSERT INTO application_settings (key, value, changed_at) VALUES (?, ?, CURRENT_TIMESTAMP)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value"""


class Server:
    """A server, prepared but not yet started. Its output is in `log`.

    One that is `beside` another uses the same database, which the other one has prepared. It runs in the environment of the
    tests, or in that of `python`.
    """

    def __init__(self, folder: Path, *, beside: "Server | None" = None, python: str = sys.executable, **environ: str) -> None:
        self.folder, self.port, self._python = folder, free_port(), python
        self.url = f"http://127.0.0.1:{self.port}"
        self._environ = environ_of(folder, self.port) | environ
        self.database_url = environ.get("DATABASE_URL", f"sqlite:///{folder / 'millrace.sqlite3'}")
        self._process: subprocess.Popen[bytes] | None = None
        self.owner_link: str = self._link_of(beside) if beside else self._prepared_link(environ)
        # Why a test may block its event loop; without a reason, a blocked loop fails the test.
        self.may_be_held = ""

    @property
    def log(self) -> str:
        return (self.folder / "server.log").read_text("utf-8", "replace")

    @property
    def pid(self) -> int:
        assert self._process, "the server has not been started"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def worker_pids(self) -> list[int]:
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def flask(self, *words: str, said: str = "") -> str:
        """Runs a command as an operator does; returns its output."""
        return flask(self._environ, *words, said=said, python=self._python)

    def set(self, **values: str) -> None:
        """Stores settings by name, with `__` for the dot, in the database: the command would take a second for each."""
        rows = [(name.replace("__", "."), value) for name, value in values.items()]
        with closing(self._connected()) as database:
            database.cursor().executemany(self._said(STORE), rows)
            database.commit()

    def lift_limits(self) -> None:
        self.set(**dict.fromkeys(UNLIMITED, "0"))

    def start(self) -> float:
        """Starts the server; returns the seconds until its first response with status 200."""
        began = time.monotonic()
        with (self.folder / "server.log").open("ab") as log:
            command = [self._python, "-m", "gunicorn", "--config", "gunicorn.conf.py"]
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=self._environ, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        self.await_answer()
        return time.monotonic() - began

    def kill(self) -> float:
        """Sends SIGKILL to master and worker simultaneously; returns the time of it."""
        workers, moment = self.worker_pids, time.monotonic()
        os.killpg(self.pid, signal.SIGKILL)
        self._wait(60)
        until(lambda: all(map(is_gone, workers)), "the worker is dead")
        return moment

    def kill_worker(self) -> float:
        """Sends SIGKILL to the worker alone, as the kernel's OOM killer does; returns the time of it."""
        moment = time.monotonic()
        for pid in self.worker_pids:
            os.kill(pid, signal.SIGKILL)
        return moment

    def terminate(self, number: int = signal.SIGTERM) -> tuple[float, float]:
        """Sends the master a signal to stop; returns the time of it and the seconds until all processes are gone."""
        workers, moment = self.worker_pids, time.monotonic()
        os.kill(self.pid, number)
        self._wait(60)
        until(lambda: all(map(is_gone, workers)), "the worker has ended")
        return moment, time.monotonic() - moment

    def close(self) -> None:
        if self.is_running:
            self.kill()

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Reads rows straight from the database."""
        with closing(self._connected(is_read=True)) as database:
            return list(database.execute(self._said(query), values).fetchall())

    def change(self, statement: str, *values: Any) -> None:
        """Changes the database directly, without the server."""
        with closing(self._connected()) as database:
            database.cursor().execute(self._said(statement), values)
            database.commit()

    def running(self) -> int:
        """Returns the number of generations that are queued or running, from the database."""
        return int(self.rows("SELECT count(*) FROM generations WHERE status IN ('queued', 'running')")[0][0])

    def resident_bytes(self) -> int:
        """Returns the resident memory of the workers."""
        pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.worker_pids]
        return sum(pages) * os.sysconf("SC_PAGE_SIZE")

    def held(self) -> list[str]:
        """Returns the watchdog's reports of a blocked event loop, less those explained by a stalled machine."""
        return standstill.holds(self.log)

    def _connected(self, *, is_read: bool = False) -> Any:
        if self._is_postgres:
            return psycopg.connect(self.database_url.replace("+psycopg", ""))
        file = self.folder / "millrace.sqlite3"
        return sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=60) if is_read else sqlite3.connect(file, timeout=60)

    def _said(self, statement: str) -> str:
        return statement.replace("?", "%s") if self._is_postgres else statement

    @property
    def _is_postgres(self) -> bool:
        return self.database_url.startswith("postgresql")

    def _link_of(self, beside: "Server") -> str:
        # `flask prepare` runs on every host before a start, and compiles the templates there.
        self._take_compiled(beside.folder)
        return beside.owner_link

    def _take_compiled(self, folder: Path) -> None:
        """Copies the compiled templates of a prepared folder: compiling them again would take a core five seconds."""
        shutil.copytree(folder / "compiled", self.folder / "compiled", dirs_exist_ok=True)

    def _prepared_link(self, environ: Mapping[str, str]) -> str:
        if MADE_OTHERWISE & environ.keys() or self._python != sys.executable or any(self.folder.iterdir()):
            if self._python == sys.executable:
                self._take_compiled(prepared_once()[0])
            return link_in(self.flask("prepare"))
        folder, link = prepared_once()
        shutil.copytree(folder, self.folder, dirs_exist_ok=True)
        return f"{self.url}/setup?{urlsplit(link).query}"

    def await_answer(self) -> None:
        until(self._answers, f"{self.url} answers", seconds=180)

    def _answers(self) -> bool:
        assert self._process
        assert self._process.poll() is None, self.log
        # No proxy, whatever the environment variables state.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"{self.url}/healthz", timeout=120) as reply:
                return bool(reply.status == 200)
        except (urllib.error.URLError, ConnectionError):
            return False

    def _wait(self, seconds: float) -> None:
        assert self._process
        self._process.wait(seconds)


@contextmanager
def prepared(folder: Path, *, beside: Server | None = None, python: str = sys.executable, **environ: str) -> Iterator[Server]:
    """Yields a server that is prepared but not started, and kills it at the end; fails if its event loop was blocked."""
    folder.mkdir(parents=True, exist_ok=True)
    standstill.watch()
    server = Server(folder, beside=beside, python=python, **environ)
    try:
        yield server
        assert server.may_be_held or not server.held(), f"somebody held the loop: {server.held()}"
    except AssertionError as error:
        error.add_note(f"The end of the server's log:\n{server.log[-LOG_CHARS:]}")
        raise
    finally:
        server.close()


def is_gone(pid: int) -> bool:
    """Whether a process has ended with all its threads: its new parent can take seconds to reap it, so a zombie counts."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state == "Z" and len(os.listdir(f"/proc/{pid}/task")) == 1
    except (FileNotFoundError, ProcessLookupError):
        return True
