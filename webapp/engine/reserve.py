"""Reserved disk space for spilled text, overwritten in place when the disk is full."""

import errno
import logging
import os
from pathlib import Path

from webapp.heavy.threads import offload

log = logging.getLogger("generation:reserve")

BYTES = 4_194_304
FOLDER, SUFFIX = "reserve", ".lines"


class Reserve:
    """One file of this worker, as long as it lives. Of a disk that copies on write (btrfs, zfs) it cannot hold anything."""

    def __init__(self, folder: Path, owner: str) -> None:
        self._file = folder / f"{owner}{SUFFIX}"
        self._used = 0

    def hold(self) -> None:
        """Takes the room; a disk that has none any more says so in the log."""
        try:
            offload(self._allocate)
        except OSError as error:
            log.warning("could not reserve disk space for unsaved text: %s", error.strerror)

    def put(self, line: bytes) -> None:
        """Writes a line where room is held; raises `OSError` when there is not enough of it."""
        if self._used + len(line) + 1 > BYTES or not self._file.exists():
            raise OSError(errno.ENOSPC, "the reserved disk space is used up")
        with self._file.open("r+b", buffering=0) as file:
            file.seek(self._used)
            file.write(line + b"\n")
            os.fsync(file.fileno())
        self._used += len(line) + 1

    def let_go(self) -> None:
        """Gives the room back, unless something is in it."""
        if not self._used:
            self._file.unlink(missing_ok=True)

    def _allocate(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, BYTES)


def lines_in(file: Path) -> list[bytes]:
    """What was put into it."""
    return [line for line in file.read_bytes().split(b"\0", 1)[0].split(b"\n") if line]
