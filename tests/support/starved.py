"""When a process wanted to go on and could not, as it was given no processor, or the disk was in its way.

On a busy machine a server waits for its turn longer than those who only read, and no server answers faster than its disk.
`python -m tests.support.starved PID` writes down such times of the process's first thread, as Linux tells them, in terms of
`time.monotonic`; where it does not tell them, there are none.
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

# Longer than it may take until a process that computes is said to have done so.
LOOK_SECONDS, NOTICED_SECONDS = 0.02, 0.001


class Starved:
    """What is known of a process so far."""

    def __init__(self, file: IO[bytes] | None = None) -> None:
        self._file = file
        self._lines: list[str] = []

    def seconds(self, began: float, ended: float) -> float:
        """For how long of this time it was kept from going on."""
        self.look()
        return sum(overlap(line, began, ended) for line in self._lines)

    def look(self) -> None:
        if self._file and not self._file.closed:
            # Read elsewhere than the process writes, whose place in the file is ours; its last line may lack its end.
            told = os.pread(self._file.fileno(), os.fstat(self._file.fileno()).st_size, 0)
            self._lines = told.decode().split("\n")[:-1]


@contextmanager
def watched(pid: int) -> Iterator[Starved]:
    """Looks on while inside; what was seen stays known."""
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
    """A process at a moment: its state, and for how many seconds it has had a processor, and waited for one."""

    at: float
    state: str
    ran: float
    waited: float


def look(pid: int) -> Look:
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    ran, waited, _ = Path(f"/proc/{pid}/schedstat").read_text().split()
    return Look(time.monotonic(), state, int(ran) / 1e9, int(waited) / 1e9)


def kept(before: Look, now: Look) -> float:
    """For how many seconds it was kept from going on until now; a wait is counted when it is over, whenever it began."""
    is_waiting = now.state == "R" and now.ran == before.ran and now.waited == before.waited
    return now.at - before.at if is_waiting or now.state == "D" else now.waited - before.waited


def main(pid: int) -> None:
    # It may end before we do.
    with suppress(OSError, ValueError):
        before, told_until = look(pid), 0.0
        while True:
            time.sleep(LOOK_SECONDS)
            now = look(pid)
            # What was told while it waited is not told again.
            began = max(now.at - kept(before, now), told_until)
            if now.at - began > NOTICED_SECONDS:
                print(began, now.at, flush=True)
                told_until = now.at
            before = now


if __name__ == "__main__":
    main(int(sys.argv[1]))
