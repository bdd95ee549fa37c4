"""The files of imports as they arrive, on the disk that all workers share, and how open pages are told of their progress."""

import os
from pathlib import Path

from webapp.base import changes
from webapp.base.current import the_config
from webapp.base.errors import Unavailable
from webapp.base.heavy.threads import offload_expecting
from webapp.chat.attachments.service import NOT_WRITTEN

WHAT = "import"
# Backups leave these files out.
SUFFIX = ".unfinished"


def path_of(id: str) -> Path:
    return the_config().files_dir / f"{id}{SUFFIX}"


def ids() -> set[str]:
    """Returns the ids of the imports that have a file."""
    return {path.name.removesuffix(SUFFIX) for path in the_config().files_dir.glob(f"*{SUFFIX}")}


def length(id: str) -> int:
    """Returns how many bytes have arrived."""
    path = path_of(id)
    return path.stat().st_size if path.exists() else 0


def put(id: str, at: int, content: bytes) -> None:
    """Writes a piece to its place in the file; raises `Unavailable` if the disk can't take it."""
    try:
        offload_expecting(OSError, _write, path_of(id), at, content)
    except OSError as error:
        raise Unavailable(NOT_WRITTEN) from error


def remove(id: str) -> None:
    path_of(id).unlink(missing_ok=True)


def notify(person_id: str) -> None:
    """Shows the import as it is now on the person's open pages."""
    changes.notify_person(person_id, WHAT, person_id)


def _write(path: Path, at: int, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        written = 0
        while written < len(content):
            written += os.pwrite(file, memoryview(content)[written:], at + written)
        os.fsync(file)
    finally:
        os.close(file)
