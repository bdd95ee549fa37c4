"""The state of the database: kind, size, whether it is writable, its schema, and its backups."""

import time
from pathlib import Path

from flask import current_app
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from webapp.base.config import Config
from webapp.base.database.revisions import newest_revision
from webapp.base.database.state import found_revision, is_newer
from webapp.base.db import DAMAGED, db, is_sqlite, utc_now, write
from webapp.base.errors import Unavailable
from webapp.operations.health.backups import made_at
from webapp.operations.health.disks import network_of, read_mounts
from webapp.web.filters import ago
from webapp.web.health_facts import Fact, size

OLD_DAYS = 14
NIGHTLY = "Run flask backup FILE every night, to another disk, and keep the encryption key with the backups."
NETWORK_DISK = "SQLite can lose data there. Set DATA_DIR to a folder on a local disk, or use PostgreSQL."
UNSEEN = "Backups made with pg_dump aren't seen here."


def all_of() -> list[Fact]:
    """Returns the facts on a database that responds."""
    return [Fact(kind(), f"Version {_version()}, {_size()}.", "ok"), *_journal(), *network_disk(), _writing(), _schema()]


def kind() -> str:
    """Returns its name, which is known even if it doesn't respond."""
    backend = make_url(current_app.config["SQLALCHEMY_DATABASE_URI"]).get_backend_name()
    return "SQLite" if backend == "sqlite" else "PostgreSQL"


def backups(config: Config) -> Fact:
    """Returns when the newest known backup was made."""
    made = made_at(config.data_dir)
    if not made:
        return Fact("Backups", "No backup found.", hint=NIGHTLY if is_sqlite() else f"{NIGHTLY} {UNSEEN}")
    is_old = (utc_now() - made).days > OLD_DAYS
    return Fact("Backups", f"Last backup: {ago(made, utc_now())}.", "" if is_old else "ok", NIGHTLY)


def soundness() -> list[Fact]:
    """Checks whether the whole file can be read and is consistent."""
    if not is_sqlite():
        return []
    # The first error is enough.
    is_sound = _scalar("PRAGMA quick_check(1)") == "ok"
    return [Fact("File", "No damage found." if is_sound else DAMAGED, "ok" if is_sound else "bad")]


def _version() -> str:
    return str(_scalar("SELECT sqlite_version()" if is_sqlite() else "SHOW server_version"))


def _size() -> str:
    if is_sqlite():
        return size(Path(db.engine.url.database or "").stat().st_size)
    return size(float(_scalar("SELECT pg_database_size(current_database())")))


def _journal() -> list[Fact]:
    if not is_sqlite():
        return []
    mode = _scalar("PRAGMA journal_mode")
    if mode == "wal":
        return [Fact("Journal", "Write-ahead log (WAL): reads and writes don't block each other.", "ok")]
    return [Fact("Journal", f"{mode}.", "warn", "The disk that holds DATA_DIR doesn't support WAL. Use a local disk.")]


def network_disk(mounts: str = "") -> list[Fact]:
    """Returns a warning if the file is on a network disk, according to the mounts."""
    if not is_sqlite():
        return []
    folder = Path(db.engine.url.database or "").absolute().parent
    if not (kind := network_of(folder, mounts or read_mounts())):
        return []
    return [Fact("Disk", f"The database is in {folder}, on a network disk ({kind}).", "warn", NETWORK_DISK)]


def _writing() -> Fact:
    began = time.monotonic()
    try:
        with write(patience_seconds=1):
            pass
    except (Unavailable, OperationalError):
        return Fact("Writing", "The database can't be written to.", "bad", "Check free space and permissions on its disk.")
    return Fact("Writing", f"Writable, in {max(1, round((time.monotonic() - began) * 1000))} ms.", "ok")


def _schema() -> Fact:
    with db.engine.connect() as connection:
        found = found_revision(connection)
    if is_newer(found):
        return Fact("Schema", f"{found}, of a newer version.", "warn", "Update this server too, and restart it.")
    return Fact("Schema", f"{found}, up to date.", "ok" if found == newest_revision() else "bad")


def _scalar(question: str) -> str:
    with db.engine.connect() as connection:
        return str(connection.scalar(text(question)))
