"""Copies of the SQLite database as a file: made while the server runs, put back while it does not."""

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.exc import OperationalError

from webapp.db import db, is_sqlite, utc_now, write
from webapp.engine import common
from webapp.errors import Conflict, Invalid, Unavailable
from webapp.settings.tables import ApplicationSetting

# Kept among the settings, though it is none: when a backup was made last.
MADE = "backup"


def back_up(copy: Path) -> None:
    """Copy the database into a new file, and keep in mind when that was."""
    refuse_to_overwrite(copy)
    _copy(database_file(), copy)
    note()


def refuse_to_overwrite(copy: Path) -> None:
    for path in (copy, files_of(copy)):
        if path.exists():
            raise Conflict(f"{path} already exists. A backup never overwrites a file.")


def note() -> None:
    """Keep in mind that a backup was made now."""
    # What takes nothing any more was copied all the same.
    with suppress(OperationalError, Unavailable), write() as session:
        session.merge(ApplicationSetting(key=MADE, changed_at=utc_now()))


def back_up_files(files_dir: Path, copy: Path) -> int:
    """Copy the files that people sent beside a copy of the database; gives how many they are."""
    return copy_files(files_dir, files_of(copy))


def copy_files(files_dir: Path, folder: Path) -> int:
    """Copy the files that people sent into a folder; gives how many lie there then."""
    if files_dir.is_dir():
        leave_out = shutil.ignore_patterns("*.unfinished", common.MARK)
        shutil.copytree(files_dir, folder, ignore=leave_out, copy_function=_copy_file, dirs_exist_ok=True)
    return sum(path.is_file() for path in folder.glob("*/*"))


def restore_files(copy: Path, files_dir: Path) -> None:
    """Put back the files beside a copy; what lies there already stays, as each is called by what it holds."""
    copy_files(files_of(copy), files_dir)


def files_of(copy: Path) -> Path:
    return copy.with_name(f"{copy.name}.files")


def made_at(data_dir: Path) -> datetime | None:
    """When the newest backup was made: by us, wherever it lies, or as a file in the folder for them.

    What is put aside before a change lies on the same disk and is no backup.
    """
    lying = (path.stat().st_mtime for path in (data_dir / "backups").glob("*.sqlite3") if not path.name.startswith("before-"))
    moments = [datetime.fromtimestamp(each, UTC) for each in lying]
    if row := db.session.get(ApplicationSetting, MADE):
        moments.append(row.changed_at)
    return max(moments, default=None)


def restore(copy: Path, data_dir: Path) -> Path | None:
    """Put the database back as it is in the copy; gives the file that holds it as it was, however broken."""
    check(copy)
    refuse_while_running(data_dir)
    database, restored = database_file(), database_file().with_suffix(".restored")
    _copy(copy, restored)
    kept = _put_aside(database, _new_name(data_dir, "before-restore")) if database.exists() else None
    restored.rename(database)
    # Connections that were open belong to the file as it was.
    db.engine.dispose()
    return kept


@contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Lets one process at a time prepare or restore the data folder; the others wait."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data_dir / "prepare.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def safety_copy(data_dir: Path, why: str) -> Path:
    """Copy the database into the data folder, before something is done to it."""
    copy = _new_name(data_dir, why)
    _copy(database_file(), copy)
    return copy


def make_private() -> None:
    """Make an empty database that only we may read, where there is none yet."""
    database = database_file()
    database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if database.exists() and not database.is_file():
        raise Conflict(f"{database} is not a file. Move it out of the way, or set DATA_DIR to another folder.")
    database.touch(mode=0o600)


def database_file() -> Path:
    if not is_sqlite():
        raise Invalid("This only works with SQLite.")
    return Path(db.engine.url.database or "")


def _new_name(data_dir: Path, why: str) -> Path:
    folder = data_dir / "backups"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / f"{why}-{utc_now():%Y%m%d-%H%M%S-%f}.sqlite3"


def _put_aside(database: Path, name: Path) -> Path:
    """Moves the database with what is not yet in its main file, which SQLite finds again by its name."""
    for end in ("-wal", "-shm", ""):
        part = database.with_name(database.name + end)
        if part.exists():
            shutil.move(part, name.with_name(name.name + end))
    return name


def _copy(database: Path, copy: Path) -> None:
    """Copies what is committed into one file, which has its name only when it is complete."""
    unfinished = copy.with_name(f"{copy.name}.unfinished")
    os.close(os.open(unfinished, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
    try:
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(unfinished)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")
        unfinished.rename(copy)
    finally:
        unfinished.unlink(missing_ok=True)


def _copy_file(file: str, copy: str) -> None:
    # Others delete meanwhile.
    with suppress(FileNotFoundError):
        shutil.copy2(file, copy)


def check(copy: Path) -> None:
    """Refuses what is no copy of ours, or damaged."""
    try:
        with closing(sqlite3.connect(f"{copy.absolute().as_uri()}?mode=ro", uri=True)) as source:
            is_whole = source.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            is_ours = source.execute("SELECT 1 FROM sqlite_schema WHERE name = 'alembic_version'").fetchone() is not None
    except sqlite3.DatabaseError as error:
        raise Invalid(f"{copy} isn't a readable SQLite database.") from error
    if not (is_whole and is_ours):
        raise Invalid(f"{copy} is damaged or isn't a Millrace database.")


def refuse_while_running(data_dir: Path) -> None:
    """A worker holds a lock on its file for as long as it lives."""
    for path in (data_dir / "workers").glob("*"):
        with path.open() as worker:
            try:
                fcntl.flock(worker, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Conflict("Millrace is running. Stop it first, then restore.") from error
