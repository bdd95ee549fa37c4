"""How the database stands: its kind and size, whether it can be written, whether it fits, whether there are copies."""

import time
from pathlib import Path

from alembic.migration import MigrationContext
from flask import current_app
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from webapp.backups import made_at
from webapp.config import Config
from webapp.errors import Unavailable
from webapp.extensions import db, is_sqlite, utc_now, write
from webapp.web.fact import Fact, size
from webapp.web.filters import ago
from webapp.web.health import newest_revision

OLD_DAYS = 14
NIGHTLY = "Run flask backup FILE every night, to another disk, and keep the encryption key beside the copies."


def all_of(config: Config) -> list[Fact]:
    """What is said of a database that answers."""
    return [Fact(kind(), f"Version {_version()}, {_size()}.", "ok"), *_journal(), _writing(), _schema()]


def kind() -> str:
    """Its name, which is known before it answers."""
    backend = make_url(current_app.config["SQLALCHEMY_DATABASE_URI"]).get_backend_name()
    return "SQLite" if backend == "sqlite" else "PostgreSQL"


def backups(config: Config) -> Fact:
    """When the newest copy was made that we know of."""
    if not is_sqlite():
        return Fact("Backups", "PostgreSQL has its own: pg_dump.", hint="Keep the encryption key beside them.")
    made = made_at(config.data_dir)
    if not made:
        return Fact("Backups", "None was made yet that we know of.", hint=NIGHTLY)
    is_old = (utc_now() - made).days > OLD_DAYS
    return Fact("Backups", f"The newest that we know of was made {ago(made, utc_now())}.", "" if is_old else "ok", NIGHTLY)


def _version() -> str:
    return str(_asked("SELECT sqlite_version()" if is_sqlite() else "SHOW server_version"))


def _size() -> str:
    if is_sqlite():
        return size(Path(db.engine.url.database or "").stat().st_size)
    return size(float(_asked("SELECT pg_database_size(current_database())")))


def _journal() -> list[Fact]:
    if not is_sqlite():
        return []
    mode = _asked("PRAGMA journal_mode")
    if mode == "wal":
        return [Fact("Journal", "Write-ahead (WAL): who reads and who writes do not wait for each other.", "ok")]
    return [Fact("Journal", f"{mode}.", "warn", "The disk of DATA_DIR does not allow WAL. Use one of this machine.")]


def _writing() -> Fact:
    began = time.monotonic()
    try:
        with write(patience_seconds=1):
            pass
    except (Unavailable, OperationalError):
        return Fact("Writing", "It cannot be written to.", "bad", "Look at the space and the permissions of its disk.")
    return Fact("Writing", f"It can be written to, within {max(1, round((time.monotonic() - began) * 1000))} ms.", "ok")


def _schema() -> Fact:
    with db.engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    return Fact("Schema", f"{found}, the newest.", "ok" if found == newest_revision() else "bad")


def _asked(question: str) -> str:
    with db.engine.connect() as connection:
        return str(connection.scalar(text(question)))
