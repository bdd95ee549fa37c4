"""Content-addressed storage on disk: each file is stored once, under the hash of its content."""

import os
from pathlib import Path

from webapp.base.current import the_config
from webapp.base.ids import new_id


def put(path: Path, content: bytes) -> None:
    """Writes the file even if it exists: a concurrent deletion doesn't know that it is needed again."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_name(f"{new_id()}.unfinished")
    try:
        with os.fdopen(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        # On a full disk, the unfinished file would keep it full.
        unfinished.unlink(missing_ok=True)


def remove(hash: str) -> None:
    path_of(hash).unlink(missing_ok=True)


def path_of(hash: str) -> Path:
    return the_config().files_dir / hash[:2] / hash
