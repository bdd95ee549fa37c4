"""When a process wanted to go on and could not, as it was given no processor, or the disk was in its way.

On a busy machine a server waits for its turn longer than those who only read, and no server answers faster than its disk.
`python -m tests.support.starved PID` writes down such times of the process's first thread, as Linux tells them, in terms of
`time.monotonic`; where it does not tell them, there are none.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from tests.support.standstill import ROOT, overlap

LOOK_SECONDS, NOTICED_SECONDS = 0.01, 0.001


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
            self._file.seek(0)
            # What is written at this moment may lack its end.
            self._lines = self._file.read().decode().split("\n")[:-1]


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


def waited(pid: int) -> float:
    """For how many seconds it has waited for a processor."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def is_at_the_disk(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "D"


def main(pid: int) -> None:
    # It may end before we do.
    with suppress(OSError, IndexError):
        before, seen_at = waited(pid), time.monotonic()
        while True:
            time.sleep(LOOK_SECONDS)
            now, is_kept, after = time.monotonic(), is_at_the_disk(pid), waited(pid)
            # It is told at the end of each wait, whenever that began.
            seconds = max(after - before, now - seen_at if is_kept else 0.0)
            if seconds > NOTICED_SECONDS:
                print(now - seconds, now, flush=True)
            before, seen_at = after, now


if __name__ == "__main__":
    main(int(sys.argv[1]))
