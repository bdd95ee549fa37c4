"""The server processes of benchmarks (the model, the relay and the product) and what they cost."""

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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.load import Load
from webapp.base.config import ROOT

TICKS = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
START_SECONDS, TOLD_SECONDS = 120.0, 10.0
# A server is at rest when it uses less than this part of a core; how often that is checked, and how long it is awaited.
RESTING, POLL_SECONDS, REST_SECONDS = 0.1, 0.3, 20.0
EMPTY: Mapping[str, str] = {}
NO_SETTINGS: Mapping[str, int | str] = {}
LINK = re.compile(r"http://\S+/setup\?token=\S+")
PROPORTIONAL = re.compile(r"^Pss:\s+(\d+)", re.MULTILINE)
SET = "INSERT INTO application_settings (key, value, changed_at) VALUES (?, ?, CURRENT_TIMESTAMP)"
UNLIMITED = (
    "limits.streams_per_minute",
    "limits.concurrent_streams",
    "limits.sse_per_chat",
    "limits.sse_per_user",
    "limits.connections_per_address",
    "limits.made_per_minute",
)
CONFIG = "gunicorn.conf.py"
KEY = "sk-bench-000000000000"


@dataclass(frozen=True)
class Checkout:
    """Where the code of a version is, and the Python that has what it needs."""

    folder: Path = ROOT
    python: str = sys.executable


HERE = Checkout()


class Server:
    """A process with its children, with only the given environment: the operator's must not be measured."""

    def __init__(
        self,
        words: Sequence[str],
        log: Path,
        *,
        folder: Path | None = None,
        environ: Mapping[str, str] = EMPTY,
        checkout: Checkout = HERE,
    ) -> None:
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command(words, environ, checkout),
                cwd=folder or checkout.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def cpu_seconds(self) -> float:
        """Returns the CPU seconds that the whole process tree has used so far."""
        return sum(sum(map(int, _stat(pid)[11:13])) for pid in self._pids()) / TICKS

    def cpu_at_rest(self) -> float:
        """Waits until the remaining work is done, then returns the CPU seconds used so far."""
        used, until = self.cpu_seconds(), time.monotonic() + REST_SECONDS
        while time.monotonic() < until:
            time.sleep(POLL_SECONDS)
            before, used = used, self.cpu_seconds()
            if used - before < POLL_SECONDS * RESTING:
                break
        return used

    def resident_mb(self) -> float:
        """Returns the resident memory of the children, or of the process if it has none."""
        return _resident_mb(self._pids()[1:] or self._pids())

    def whole_resident_mb(self) -> float:
        """Returns the resident memory of the whole process tree, in which shared pages count for each of their users."""
        return _resident_mb(self._pids())

    def proportional_mb(self) -> float:
        """Returns the proportional memory of the whole process tree, in which shared pages are divided by their users."""
        rollups = (Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in self._pids())
        return sum(int(found[1]) for text in rollups if (found := PROPORTIONAL.search(text))) * 1024 / 1_000_000

    def children(self) -> list[int]:
        """Returns the ids of the child processes: the workers of a server."""
        return self._pids()[1:]

    def signal_children(self, number: int) -> None:
        for pid in self.children():
            os.kill(pid, number)

    def until_open(self, url: str) -> None:
        """Waits for the first response; raises an error when the process ends or takes too long."""
        deadline = time.monotonic() + START_SECONDS
        while not _answers(url):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{url} did not start:\n{self._log.read_text('utf-8', 'replace')[-2000:]}")
            time.sleep(0.02)

    def end(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _pids(self) -> list[int]:
        pid = self._process.pid
        return [pid, *(int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


@dataclass(frozen=True)
class Product:
    """A running Millrace server, the link that creates its owner, and its database, for reading."""

    server: Server
    link: str
    file: Path

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self.file}?mode=ro", uri=True)) as database:
            return database.execute(statement).fetchall()

    def told(self, name: str) -> str:
        """Has the worker write what its configuration observes into a file of this name, and returns that."""
        file, until = self.file.with_name(name), time.monotonic() + TOLD_SECONDS
        self.server.signal_children(signal.SIGUSR1)
        while not file.exists():
            if time.monotonic() > until:
                raise RuntimeError("the worker doesn't say what it is at")
            time.sleep(0.01)
        text = file.read_text()
        file.unlink()
        return text


@contextmanager
def model(folder: Path, load: Load) -> Iterator[str]:
    """Starts the model server; yields the base URL of its API."""
    port = free_port()
    with _running(Server(["-m", "bench.upstream", str(port), str(load)], folder / "model.log")) as server:
        server.until_open(f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}/api/v1"


@contextmanager
def relay(folder: Path) -> Iterator[tuple[Server, str]]:
    """Starts the relay, which is the baseline; yields it with its URL."""
    url = f"127.0.0.1:{free_port()}"
    options = ["--worker-class", "gevent", "--worker-connections", "2000", "--no-control-socket", "--pythonpath", str(ROOT)]
    words = ["-m", "gunicorn", *options, "--bind", url, "scripts.relay:app"]
    # In another folder, because gunicorn loads a configuration file from its working directory.
    with _running(Server(words, folder / "relay.log", folder=folder)) as server:
        server.until_open(f"http://{url}/healthz")
        yield server, f"http://{url}/"


@contextmanager
def product(
    folder: Path,
    answers: int,
    model_url: str = "",
    settings: Mapping[str, int | str] = NO_SETTINGS,
    *,
    config: str = CONFIG,
    checkout: Checkout = HERE,
) -> Iterator[Product]:
    """Starts Millrace on a fresh data folder; without a model URL it uses the demo."""
    with TemporaryDirectory(dir=folder) as data_dir:
        environ = environ_of(data_dir, answers, model_url)
        link, file = LINK.search(flask(environ, "prepare", checkout=checkout)), Path(data_dir, "millrace.sqlite3")
        set_settings(file, {**dict.fromkeys(UNLIMITED, 0), **settings})
        with serving(folder, environ, config, checkout) as server:
            yield Product(server, link[0] if link else "", file)


@contextmanager
def installed(load: Load, *, config: str = CONFIG, checkout: Checkout = HERE) -> Iterator[Product]:
    """Starts Millrace with a model that answers like this."""
    with (
        TemporaryDirectory() as name,
        model(Path(name), load) as url,
        product(Path(name), load.people, url, config=config, checkout=checkout) as installation,
    ):
        yield installation


def environ_of(data_dir: str, answers: int, model_url: str) -> dict[str, str]:
    upstream = {"OPENROUTER_API_KEY": KEY, "OPENROUTER_BASE_URL": model_url, "OPENROUTER_MODEL": "bench/model"}
    here = {"HOST": "127.0.0.1", "PORT": str(free_port()), "DATA_DIR": data_dir, "MAX_STREAMS": str(answers + 1)}
    return {**here, **(upstream if model_url else {})}


@contextmanager
def serving(folder: Path, environ: Mapping[str, str], config: str = CONFIG, checkout: Checkout = HERE) -> Iterator[Server]:
    """Starts Millrace on an existing data folder; yields it when it responds."""
    words = ["-m", "gunicorn", "--config", config]
    with _running(Server(words, folder / "product.log", environ=environ, checkout=checkout)) as server:
        server.until_open(f"http://127.0.0.1:{environ['PORT']}/healthz")
        yield server


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def set_settings(file: Path, settings: Mapping[str, int | str]) -> None:
    # Not with the command, which would load the whole application for each setting.
    with closing(sqlite3.connect(file)) as database, database:
        database.executemany(SET, [(name, str(value)) for name, value in settings.items()])


@contextmanager
def _running(server: Server) -> Iterator[Server]:
    try:
        yield server
    finally:
        server.end()


def flask(environ: Mapping[str, str], *words: str, checkout: Checkout = HERE) -> str:
    line = command(["-m", "flask", *words], environ, checkout)
    done = subprocess.run(line, cwd=checkout.folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"flask {' '.join(words)} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def command(words: Sequence[str], environ: Mapping[str, str], checkout: Checkout = HERE) -> list[str]:
    return ["/usr/bin/env", "-i", *(f"{name}={value}" for name, value in environ.items()), checkout.python, *words]


def _answers(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=START_SECONDS):
            return True
    except (urllib.error.URLError, ConnectionError):
        return False


def _resident_mb(pids: Sequence[int]) -> float:
    return sum(int(_stat(pid)[21]) * PAGE_BYTES for pid in pids) / 1_000_000


def _stat(pid: int) -> list[str]:
    # The program's name is in brackets and can contain blanks.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
