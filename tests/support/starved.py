"""Measures when a process was ready to run but could not: it was given no processor, or it was waiting for the disk.

On a busy machine a server waits longer for a processor than clients that only read, and no server responds faster than its
disk. `python -m tests.support.starved PID` writes down such times of the process's first thread, as Linux reports them, in
terms of `time.monotonic`; where the system does not report them, there are none.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from tests.support.standstill import ROOT, overlap

# Longer than Linux takes to account the time of a process that is computing.
LOOK_SECONDS, NOTICED_SECONDS = 0.02, 0.001


class Starved:
    """The times recorded for a process so far."""

    def __init__(self, file: IO[bytes] | None = None) -> None:
        self._file = file
        self._lines: list[str] = []

    def seconds(self, began: float, ended: float) -> float:
        """Returns for how long in this interval the process could not run."""
        self.look()
        return sum(overlap(line, began, ended) for line in self._lines)

    def look(self) -> None:
        if self._file and not self._file.closed:
            # pread, because the writing process shares this file's offset; the last line can be incomplete.
            told = os.pread(self._file.fileno(), os.fstat(self._file.fileno()).st_size, 0)
            self._lines = told.decode().split("\n")[:-1]


@contextmanager
def watched(pid: int) -> Iterator[Starved]:
    """Watches a process inside the block; what was recorded stays available afterwards."""
    command = [sys.executable, "-m", "tests.support.starved", str(pid)]
    with TemporaryFile() as file, subprocess.Popen(command, cwd=ROOT, stdout=file.fileno()) as process:
        starved = Starved(file)
        try:
            yield starved
        finally:
            process.kill()
            process.wait()
            starved.look()


@dataclass(frozen=True)
class Look:
    """A sample of a process: its state, and for how many seconds it has run and waited for a processor."""

    at: float
    state: str
    ran: float
    waited: float


def look(pid: int) -> Look:
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    ran, waited, _ = Path(f"/proc/{pid}/schedstat").read_text().split()
    return Look(time.monotonic(), state, int(ran) / 1e9, int(waited) / 1e9)


def kept(before: Look, now: Look) -> float:
    """Returns for how many seconds it could not run; a finished wait counts in full, even if it began before `before`."""
    is_waiting = now.state == "R" and now.ran == before.ran and now.waited == before.waited
    return now.at - before.at if is_waiting or now.state == "D" else now.waited - before.waited


def main(pid: int) -> None:
    # The watched process can end first.
    with suppress(OSError, ValueError):
        before, told_until = look(pid), 0.0
        while True:
            time.sleep(LOOK_SECONDS)
            now = look(pid)
            # Time that was already reported during the wait is not reported again.
            began = max(now.at - kept(before, now), told_until)
            if now.at - began > NOTICED_SECONDS:
                print(began, now.at, flush=True)
                told_until = now.at
            before = now


if __name__ == "__main__":
    main(int(sys.argv[1]))
