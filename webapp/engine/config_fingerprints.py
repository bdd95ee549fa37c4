"""Fingerprints of the config that all workers must share: their keys, and their folder of files."""

from collections.abc import Callable
from functools import cache, partial
from hashlib import sha256
from pathlib import Path

from flask import Flask

from webapp.base.ids import new_id
from webapp.settings.secrets.encryption import current_config, fingerprint_of
from webapp.streaming.shared_config import SharedConfig

# A file whose content identifies the folder, wherever that is mounted.
MARK = ".millrace"


def of(app: Flask) -> Callable[[], SharedConfig]:
    """Returns a function that reads the current values, as keys change while workers run."""
    return partial(_at_this_moment, app)


def _at_this_moment(app: Flask) -> SharedConfig:
    config = current_config(app)
    secret = sha256(config.secret_key.encode()).hexdigest()[:16]
    return SharedConfig(secret, tuple(map(fingerprint_of, config.encryption_keys)), name_of(config.files_dir))


@cache
def name_of(folder: Path) -> str:
    """Returns the name stored in a folder, which the first worker to look creates; empty if that fails."""
    mark = folder / MARK
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not mark.exists():
            with mark.open("x") as file:
                file.write(new_id())
        return mark.read_text("ascii")
    except (OSError, UnicodeDecodeError):
        # Another worker is writing it just now, or the folder is read-only.
        return ""
