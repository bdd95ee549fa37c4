"""SQLite's write-ahead log, which still holds pages from before a deletion until it is truncated."""

import sqlite3
import time
from contextlib import closing

from webapp.base.db import db, is_sqlite
from webapp.base.heavy.threads import offload_now

TRIES, AGAIN_SECONDS = 20, 0.05


def truncate_log() -> bool:
    """Copies the log into the database and empties it; returns False if others kept reading from it for a second.

    Then the next deletion does it, or the last process when it stops.
    """
    if not is_sqlite():
        return True
    db.session.rollback()
    for _ in range(TRIES):
        if offload_now(sqlite3.Error, _truncated, db.engine.url.database or ""):
            return True
        time.sleep(AGAIN_SECONDS)
    return False


def _truncated(file: str) -> bool:
    # A connection of its own: the pool's belong to greenlets.
    with closing(sqlite3.connect(file, timeout=0)) as connection:
        is_busy: int = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    return not is_busy
