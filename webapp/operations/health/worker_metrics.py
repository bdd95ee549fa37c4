"""The metrics of all workers of one server: each writes its own to a file, and any of them tells the sums.

A scrape reaches one worker, which can be any of them. The counts of workers that have died are kept in one file, so that no
counter ever falls. The workers of another server have another data folder, and are scraped by themselves.
"""

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from webapp.base.current import PerApp
from webapp.base.process.instance_lock import is_held
from webapp.streaming.loops import Spawn, supervise

# A scrape is seldom more frequent than every five seconds. Writing takes a few milliseconds.
WRITE_SECONDS = 2.0
DEAD, FOLDED = "of-dead-workers", "# FOLDED "
# How the values of a gauge are combined: those not named here are added.
COMBINED: dict[str, Callable[[float, float], float]] = {
    "millrace_budget_used_ratio": max,
    "process_start_time_seconds": min,
    "process_max_fds": min,
}


class WorkerMetrics:
    """The metrics of this worker and the others that use the same folder; before `begin`, and with one worker, its own alone."""

    def __init__(self, own_text: Callable[[], bytes], folder: Path, *, worker_id: str, pause: Callable[[float], object]) -> None:
        self._own_text, self._folder, self._id, self._pause = own_text, folder, worker_id, pause
        self._is_open = False
        # Any kind of death releases its lock.
        self._alive: int | None = None

    def begin(self, spawn: Spawn) -> None:
        """Writes this worker's metrics from now on, until `end`."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._alive = os.open(self._lock_of(self._id), os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._alive, fcntl.LOCK_EX)
        self._is_open = True
        spawn(partial(supervise, "metrics", self._keep_writing, self._pause))

    def end(self) -> None:
        """Writes them a last time; from then on they are those of a dead worker."""
        self._is_open = False
        if self._alive is not None:
            self._write(self._id, self._own_text())
            os.close(self._alive)
            self._alive = None

    def text(self) -> bytes:
        """Returns the metrics of all workers in the text format of Prometheus."""
        own = self._own_text()
        if not self._is_open:
            return own
        with self._locked():
            self._fold_dead()
            return combined([own, *(path.read_bytes() for path in self._files() if path.name != self._id)])

    def _keep_writing(self) -> None:
        while self._is_open:
            self._write(self._id, self._own_text())
            self._pause(WRITE_SECONDS)

    def _files(self) -> list[Path]:
        return sorted(path for path in self._folder.iterdir() if path.suffix not in (".lock", ".unfinished"))

    def _fold_dead(self) -> None:
        """Adds the counts of workers that have died to those of the dead, and removes their files."""
        file = self._folder / DEAD
        stored_bytes = file.read_bytes() if file.exists() else b""
        dead = [path for path in self._files() if path.name not in (DEAD, self._id) and self._is_dead(path.name)]
        if not dead:
            return
        # Named in the same file as the sums: a process that is killed before it removes them doesn't make them count twice.
        already = {line.removeprefix(FOLDED) for line in stored_bytes.decode().splitlines() if line.startswith(FOLDED)}
        counted = [only_counters(path.read_bytes()) for path in dead if path.name not in already]
        names = "".join(f"{FOLDED}{path.name}\n" for path in dead)
        self._write(DEAD, combined([stored_bytes, *counted]) + names.encode())
        for path in dead:
            path.unlink()
            self._lock_of(path.name).unlink(missing_ok=True)

    def _is_dead(self, worker_id: str) -> bool:
        try:
            return not is_held(self._lock_of(worker_id))
        except FileNotFoundError:
            return True

    def _lock_of(self, worker_id: str) -> Path:
        return self._folder / f"{worker_id}.lock"

    def _write(self, name: str, text: bytes) -> None:
        unfinished = self._folder / f"{name}.unfinished"
        unfinished.write_bytes(text)
        unfinished.rename(self._folder / name)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # The longest wait is for another worker to add up a few files.
        file = os.open(self._lock_of(DEAD), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        finally:
            os.close(file)


def combined(texts: Iterable[bytes]) -> bytes:
    """Adds up metrics in the text format of Prometheus; all were written by the same library, with the same names."""
    heads, samples = dict[str, list[str]](), dict[str, dict[str, float]]()
    for text in texts:
        for name, head, values in _families(text):
            heads.setdefault(name, head)
            combine, sums = COMBINED.get(name, float.__add__), samples.setdefault(name, {})
            for key, value in values:
                sums[key] = combine(sums[key], value) if key in sums else value
    return "".join(
        "\n".join([*heads[name], *(f"{key} {value!r}" for key, value in samples[name].items())]) + "\n" for name in heads
    ).encode()


def only_counters(text: bytes) -> bytes:
    """Leaves out gauges: what a worker was doing ended with it."""
    families = (
        head + [f"{key} {value!r}" for key, value in values] for _, head, values in _families(text) if "gauge" not in head[-1]
    )
    return "".join("\n".join(lines) + "\n" for lines in families).encode()


def _families(text: bytes) -> Iterator[tuple[str, list[str], list[tuple[str, float]]]]:
    """Yields each metric: its name, its lines of help and type, and its samples."""
    head, values = list[str](), list[tuple[str, float]]()
    for line in text.decode().splitlines():
        if line.startswith("# HELP "):
            if head:
                yield head[0].split(" ")[2], head, values
            head, values = [line], []
        elif line.startswith("# TYPE "):
            head.append(line)
        elif not line.startswith("#"):
            key, _, value = line.rpartition(" ")
            values.append((key, float(value)))
    if head:
        yield head[0].split(" ")[2], head, values


METRICS = PerApp[WorkerMetrics]()
