"""The real server as an operator runs it: gunicorn in a process group of its own, on a fresh data folder and a fixed port."""

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "VIRTUAL_ENV")
LINK = re.compile(r"http://\S+/setup\?token=\S+")
UNLIMITED = ("limits.streams_per_minute", "limits.concurrent_streams", "limits.sse_per_chat", "limits.sse_per_user")
STORE = """INSERT INTO application_settings (key, value, changed_at) VALUES (?, ?, CURRENT_TIMESTAMP)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value"""


class Server:
    """Made, it is prepared but not started. Whatever it says is in `log`."""

    def __init__(self, folder: Path, **environ: str) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environ = {name: os.environ[name] for name in KEPT if name in os.environ}
        self._environ |= {"HOST": "127.0.0.1", "PORT": str(self.port), "DATA_DIR": str(folder), **environ}
        self._process: subprocess.Popen[bytes] | None = None
        self.owner_link = self._link()

    @property
    def log(self) -> str:
        return (self.folder / "server.log").read_text("utf-8", "replace")

    @property
    def pid(self) -> int:
        assert self._process, "the server has not been started"
        return self._process.pid

    @property
    def worker_pids(self) -> list[int]:
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def flask(self, *words: str, said: str = "") -> str:
        """Runs a command as an operator types it; gives what it printed."""
        command = [sys.executable, "-m", "flask", *words]
        done = subprocess.run(command, cwd=ROOT, env=self._environ, input=said, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def set(self, **values: str) -> None:
        """Settings by their names, with `__` for the dot; past the command, which takes a second for each."""
        rows = [(name.replace("__", "."), value) for name, value in values.items()]
        with closing(sqlite3.connect(self.folder / "millrace.sqlite3", timeout=10)) as database:
            database.executemany(STORE, rows)
            database.commit()

    def lift_limits(self) -> None:
        self.set(**dict.fromkeys(UNLIMITED, "0"))

    def start(self) -> float:
        """Starts it; gives the seconds until the first answer with status 200."""
        began = time.monotonic()
        with (self.folder / "server.log").open("ab") as log:
            command = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py"]
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=self._environ, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        self._await_first_answer()
        return time.monotonic() - began

    def kill(self) -> float:
        """SIGKILL to master and worker at once; gives the moment of it."""
        workers, moment = self.worker_pids, time.monotonic()
        os.killpg(self.pid, signal.SIGKILL)
        self._wait(10)
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), "the worker is dead")
        return moment

    def kill_worker(self) -> float:
        """SIGKILL to the worker alone, as a system short of memory does it; gives the moment of it."""
        moment = time.monotonic()
        for pid in self.worker_pids:
            os.kill(pid, signal.SIGKILL)
        return moment

    def terminate(self, number: int = signal.SIGTERM) -> tuple[float, float]:
        """Asks the master to end; gives the moment of it and the seconds until all is gone."""
        workers, moment = self.worker_pids, time.monotonic()
        os.kill(self.pid, number)
        self._wait(30)
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), "the worker has ended")
        return moment, time.monotonic() - moment

    def close(self) -> None:
        if self._process and self._process.poll() is None:
            self.kill()

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the database holds, read past the server."""
        with closing(sqlite3.connect(f"file:{self.folder / 'millrace.sqlite3'}?mode=ro", uri=True, timeout=5)) as database:
            return database.execute(query, values).fetchall()

    def running(self) -> int:
        """How many generations are queued or running, by the database."""
        return int(self.rows("SELECT count(*) FROM generations WHERE status IN ('queued', 'running')")[0][0])

    def resident_bytes(self) -> int:
        """The memory of the workers."""
        pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.worker_pids]
        return sum(pages) * os.sysconf("SC_PAGE_SIZE")

    def _link(self) -> str:
        found = LINK.search(self.flask("prepare"))
        assert found, "no link for the owner"
        return found[0]

    def _await_first_answer(self) -> None:
        until(self._answers, f"{self.url} answers", seconds=30)

    def _answers(self) -> bool:
        assert self._process
        assert self._process.poll() is None, self.log
        # No proxy, whatever the environment says.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"{self.url}/healthz", timeout=30) as reply:
                return bool(reply.status == 200)
        except (urllib.error.URLError, ConnectionError):
            return False

    def _wait(self, seconds: float) -> None:
        assert self._process
        self._process.wait(seconds)


@contextmanager
def prepared(folder: Path, **environ: str) -> Iterator[Server]:
    """A server that is prepared and not started, and is killed at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    server = Server(folder, **environ)
    try:
        yield server
    finally:
        server.close()


def until(is_so: Callable[[], Any], words: str, *, seconds: float = 30) -> None:
    """Waits for something to become so, asking again and again, for a while."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {words}"
        time.sleep(0.005)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
