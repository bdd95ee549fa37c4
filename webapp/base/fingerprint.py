"""Says whether files have changed, by their sizes and times."""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path


def fingerprint(paths: Iterable[Path]) -> str:
    """Returns the same only as long as these files are the same, without reading them."""
    stats = ((str(path), path.stat()) for path in paths if path.is_file())
    return sha256("".join(f"{name} {stat.st_size} {stat.st_mtime_ns}\n" for name, stat in stats).encode()).hexdigest()
