"""Reserved disk space for spilled text, overwritten in place when the disk is full."""

import errno
import logging
import os
from math import inf
from pathlib import Path

from webapp.base.heavy.threads import offload_expecting

log = logging.getLogger("generation:reserve")

BYTES = 4_194_304
FOLDER, SUFFIX = "reserve", ".lines"


class Reserve:
    """A file that reserves disk space for this worker. On a copy-on-write file system (btrfs, zfs) it reserves nothing."""

    def __init__(self, folder: Path, owner: str) -> None:
        self._file = folder / f"{owner}{SUFFIX}"
        self._used = 0
        # By the engine's clock; how often unsaved text is written is up to the caller.
        self.written_at = -inf

    @property
    def is_used(self) -> bool:
        return self._used > 0

    def allocate(self) -> None:
        """Reserves the space; logs a warning if the disk has none left."""
        try:
            offload_expecting(OSError, self._allocate)
        except OSError as error:
            log.warning("could not reserve disk space for unsaved text: %s", error.strerror)

    def put(self, line: bytes) -> None:
        """Writes a line into the reserved space; raises `OSError` if not enough is left."""
        if self._used + len(line) + 2 > BYTES or not self._file.exists():
            raise OSError(errno.ENOSPC, "the reserved disk space is used up")
        with self._file.open("r+b", buffering=0) as file:
            file.seek(self._used)
            # With its end: older lines can follow.
            file.write(line + b"\n\0")
            os.fsync(file.fileno())
        self._used += len(line) + 1

    def clear(self) -> None:
        """Forgets what was written, once the database has taken it."""
        self._used, self.written_at = 0, -inf
        try:
            with self._file.open("r+b", buffering=0) as file:
                file.write(b"\0")
        except OSError as error:
            log.warning("the reserved disk space could not be cleared: %s", error.strerror)

    def release(self) -> None:
        """Releases the space, unless text was written into it."""
        if not self._used:
            self._file.unlink(missing_ok=True)

    def _allocate(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, BYTES)


def lines_in(file: Path) -> list[bytes]:
    """Returns the lines that were written into a reserve."""
    return [line for line in file.read_bytes().split(b"\0", 1)[0].split(b"\n") if line]
