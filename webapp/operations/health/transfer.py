"""Copies the whole database, SQLite or PostgreSQL, into a file or another database, or fills it from a file."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from flask import current_app

from webapp.base.config import Config
from webapp.base.database import copying
from webapp.base.database.copying import Copied, Index
from webapp.operations.health import backups
from webapp.web.feature import brought


def into_database(url: str) -> Copied:
    """Copies everything into another database, which must be empty, and records the time as that of a backup."""
    copied = _copy(_own_url(), url)
    backups.note()
    return copied


def into_file(copy: Path) -> Copied:
    """Copies everything into a new SQLite file, and records the time as that of a backup."""
    backups.refuse_to_overwrite(copy)
    with _unfinished(copy) as file:
        copied = _copy(_own_url(), f"sqlite:///{file}")
    backups.note()
    return copied


def out_of_file(copy: Path, config: Config) -> Copied:
    """Fills this database, which must be empty, from a copy."""
    backups.check(copy)
    backups.refuse_while_running(config.data_dir)
    return _copy(f"sqlite:///{copy.absolute()}", _own_url())


def _own_url() -> str:
    url: str = current_app.config["SQLALCHEMY_DATABASE_URI"]
    return url


def _copy(source_url: str, target_url: str) -> Copied:
    return copying.copy(source_url, target_url, brought(Index))


@contextmanager
def _unfinished(copy: Path) -> Iterator[Path]:
    """Yields a file that only we can read, which is renamed to its final name when it is complete."""
    file = copy.absolute().with_name(f"{copy.name}.unfinished")
    os.close(os.open(file, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
    try:
        yield file
        with closing(sqlite3.connect(file)) as made:
            made.execute("PRAGMA journal_mode=DELETE")
        file.rename(copy)
    finally:
        for end in ("", "-wal", "-shm"):
            file.with_name(file.name + end).unlink(missing_ok=True)
