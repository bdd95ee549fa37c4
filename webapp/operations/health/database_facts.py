"""What the health page says about the database, its journal and its disk."""

import os
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
from webapp.web.filters import ago
from webapp.web.health_facts import Fact, size

OLD_DAYS = 14
NIGHTLY = "Run flask backup FILE every night, to another disk, and keep the encryption key with the backups."
NETWORK_DISK = "SQLite can lose data there. Set DATA_DIR to a folder on a local disk, or use PostgreSQL."
UNSEEN = "Backups made with pg_dump aren't seen here."
# Below this, the database's log can't grow by the next few answers.
LEAST_BYTES = 1_048_576
FULL = "The disk is full, so nothing can be saved."
READ_ONLY = "The data folder is read-only, so nothing can be saved."
MOUNTS = Path("/proc/mounts")
# On these, a lock or a write can be lost between machines without an error.
OF_NETWORKS = {
    *("nfs", "nfs4", "cifs", "smbfs", "smb2", "smb3", "afs", "coda", "ceph", "glusterfs", "lustre", "beegfs", "gfs2", "ocfs2"),
    *("fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.rclone", "fuse.s3fs", "vboxsf"),
}


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


def trouble_with_disk(folder: Path) -> str:
    """Returns why nothing can be saved in a folder, or an empty string; asks the system alone, as probes come often."""
    disk = os.statvfs(folder)
    if disk.f_flag & os.ST_RDONLY or not os.access(folder, os.W_OK):
        return READ_ONLY
    return FULL if disk.f_bavail * disk.f_frsize < LEAST_BYTES else ""


def network_of(folder: Path, mounts: str) -> str:
    """Returns the type of the network disk that a folder is on; empty for any other or unknown disk."""
    kind = _kind_of(folder, mounts)
    return kind if kind in OF_NETWORKS else ""


def read_mounts() -> str:
    try:
        return MOUNTS.read_text("utf-8", "replace")
    except OSError:
        # Not Linux.
        return ""


def _kind_of(folder: Path, mounts: str) -> str:
    holding = {str(path) for path in (folder, *folder.parents)}
    lines = (line.split(" ") for line in mounts.splitlines())
    # Of several mounts in one place, the last hides the others.
    found = {_unescaped(words[1]): words[2] for words in lines if len(words) > 2}
    places = [place for place in found if place in holding]
    return found[max(places, key=len)] if places else ""


def _unescaped(place: str) -> str:
    return place.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
