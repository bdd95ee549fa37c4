"""Backups as a file, with a folder of files beside it: made while the server runs, restored while it is stopped."""

import fcntl
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile

from sqlalchemy.exc import OperationalError

from webapp.base.database.revisions import why_too_old
from webapp.base.database.state import found_revision
from webapp.base.db import db, is_sqlite, utc_now, write
from webapp.base.errors import Conflict, Invalid, Unavailable
from webapp.base.process.instance_lock import is_held
from webapp.engine.assembly import MARK
from webapp.settings.tables import ApplicationSetting

# Stored with the settings, although it is not one: the time of the last backup.
MADE = "backup"
DATED = re.compile(r"millrace-\d{8}-\d{6}\.sqlite3")


def back_up(copy: Path) -> None:
    """Copies the database into a new file, and records the time."""
    refuse_to_overwrite(copy)
    _copy(database_file(), copy)
    note()


def copy_database(copy: Path) -> None:
    """Copies the database into a new file, which doesn't count as a backup."""
    _copy(database_file(), copy)


def refuse_to_overwrite(copy: Path) -> None:
    for path in (copy, files_of(copy)):
        if path.exists():
            raise Conflict(f"{path} already exists. A backup never overwrites a file.")


def refuse_if_empty() -> None:
    """Raises `Invalid` where there is nothing to back up: a database that was never prepared is the wrong one."""
    if not is_sqlite() or database_file().is_file():
        with db.engine.connect() as connection:
            if found_revision(connection):
                return
    raise Invalid("That database is empty. Nothing was backed up. Check DATABASE_URL and DATA_DIR.")


def dated_name(folder: Path) -> Path:
    """Returns the name of a backup of this second in a folder."""
    return folder / f"millrace-{utc_now():%Y%m%d-%H%M%S}.sqlite3"


def remove_older(folder: Path, keep: int) -> list[Path]:
    """Removes all backups with dated names in a folder but the newest ones, with their files; returns them."""
    older = sorted(path for path in folder.glob("millrace-*.sqlite3") if DATED.fullmatch(path.name))[:-keep]
    for path in older:
        path.unlink()
        shutil.rmtree(files_of(path), ignore_errors=True)
    # Files of a backup that was broken off, or whose database someone has removed.
    for copy in folder.glob("millrace-*.sqlite3.files"):
        if DATED.fullmatch(copy.name.removesuffix(".files")) and not copy.with_suffix("").exists():
            shutil.rmtree(copy, ignore_errors=True)
    return older


def note() -> None:
    """Records the time of a backup."""
    # A database that can't be written to was copied nevertheless.
    with suppress(OperationalError, Unavailable), write() as session:
        session.merge(ApplicationSetting(key=MADE, changed_at=utc_now()))


def back_up_files(files_dir: Path, copy: Path) -> int:
    """Copies uploaded files into the folder next to a copy of the database; returns how many there are."""
    return copy_files(files_dir, files_of(copy))


def copy_files(files_dir: Path, folder: Path) -> int:
    """Copies uploaded files into a folder; returns how many it has then."""
    if files_dir.is_dir():
        leave_out = shutil.ignore_patterns("*.unfinished", MARK)
        shutil.copytree(files_dir, folder, ignore=leave_out, copy_function=_copy_file, dirs_exist_ok=True)
    return sum(path.is_file() for path in folder.glob("*/*"))


def refuse_unless_writable(folder: Path) -> None:
    """Makes a folder; raises `OSError` if nothing can be written to it."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=folder):
        pass


def restore_files(copy: Path, files_dir: Path) -> None:
    """Restores the files next to a copy; existing files remain, as each is named after its content."""
    copy_files(files_of(copy), files_dir)


def files_of(copy: Path) -> Path:
    return copy.with_name(f"{copy.name}.files")


def made_at(data_dir: Path) -> datetime | None:
    """Returns when the newest backup was made: by us, in any place, or as a file in the backups folder.

    Copies made before a change are on the same disk and don't count.
    """
    lying = (path.stat().st_mtime for path in (data_dir / "backups").glob("*.sqlite3") if not path.name.startswith("before-"))
    moments = [datetime.fromtimestamp(seconds, UTC) for seconds in lying]
    if row := db.session.get(ApplicationSetting, MADE):
        moments.append(row.changed_at)
    return max(moments, default=None)


def restore(copy: Path, data_dir: Path) -> Path | None:
    """Replaces the database with the copy; returns the file with the previous database, even if that was broken."""
    check(copy)
    refuse_while_running(data_dir)
    database, restored = database_file(), database_file().with_suffix(".restored")
    _copy(copy, restored)
    previous = _put_aside(database, _new_name(data_dir, "before-restore")) if database.exists() else None
    restored.rename(database)
    # Open connections still use the previous file.
    db.engine.dispose()
    return previous


@contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Lets one process at a time prepare or restore the data folder; the others wait."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data_dir / "prepare.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def safety_copy(data_dir: Path, why: str) -> Path:
    """Copies the database into the data folder, before an operation on it."""
    copy = _new_name(data_dir, why)
    _copy(database_file(), copy)
    return copy


def make_private() -> None:
    """Creates an empty database file that only we can read, if there is none yet."""
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
    """Moves the database with its write-ahead log, which SQLite finds by its name."""
    for end in ("-wal", "-shm", ""):
        part = database.with_name(database.name + end)
        if part.exists():
            shutil.move(part, name.with_name(name.name + end))
    return name


def _copy(database: Path, copy: Path) -> None:
    """Copies all committed data into one file."""
    with unfinished(copy) as file, closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(file)) as target:
        source.backup(target)


@contextmanager
def unfinished(copy: Path) -> Iterator[Path]:
    """Yields a file that only we can read, which is renamed to its final name when it is complete."""
    file = copy.absolute().with_name(f"{copy.name}.unfinished")
    os.close(os.open(file, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
    try:
        yield file
        with closing(sqlite3.connect(file)) as database:
            database.execute("PRAGMA journal_mode=DELETE")
        file.rename(copy)
    finally:
        for end in ("", "-wal", "-shm"):
            file.with_name(file.name + end).unlink(missing_ok=True)


def _copy_file(file: str, copy: str) -> None:
    # A running server can delete files at the same time.
    with suppress(FileNotFoundError):
        shutil.copy2(file, copy)


def check(copy: Path) -> None:
    """Raises `Invalid` for a file that is damaged, is not a copy of a Millrace database, or is too old for this version."""
    try:
        with closing(sqlite3.connect(f"{copy.absolute().as_uri()}?mode=ro", uri=True)) as source:
            is_whole = source.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            is_ours = source.execute("SELECT 1 FROM sqlite_schema WHERE name = 'alembic_version'").fetchone() is not None
            revision = source.execute("SELECT max(version_num) FROM alembic_version").fetchone()[0] if is_ours else None
    except sqlite3.DatabaseError as error:
        raise Invalid(f"{copy} isn't a readable SQLite database.") from error
    if not (is_whole and is_ours):
        raise Invalid(f"{copy} is damaged or isn't a Millrace database.")
    if why := why_too_old(revision):
        raise Invalid(why)


def refuse_while_running(data_dir: Path) -> None:
    """Raises `Conflict` while a worker runs; each locks its file for its lifetime."""
    if any(is_held(path) for path in (data_dir / "workers").glob("*")):
        raise Conflict("Millrace is running. Stop it first, then restore.")
