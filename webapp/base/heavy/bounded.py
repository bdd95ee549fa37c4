"""Long reads with a time limit that do not block other requests: a thread on SQLite, a timeout on PostgreSQL."""

import sqlite3
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import gevent
from sqlalchemy import Executable, text
from sqlalchemy.exc import DataError, SQLAlchemyError

from webapp.base.current import PerApp
from webapp.base.db import db, is_sqlite
from webapp.base.errors import Unavailable
from webapp.base.heavy.threads import READS

# How many steps of SQLite's virtual machine run between two checks of the clock: less than a millisecond.
STEPS = 10_000
# For PostgreSQL, which with its default of 4 MB would rank the matches of common words on disk.
SORTING_MEMORY = "32MB"
BOUNDS = text("SELECT set_config('statement_timeout', :timeout, true), set_config('work_mem', :memory, true)")
# The time limit for a person who waits for this result alone.
PATIENCE_SECONDS = 30.0
# On SQLite, a statement can also be its text with its values.
Ready = tuple[str, Sequence[Any]]


class TooLate(Unavailable):
    """The database did not reply in time, or not at all."""

    def __init__(self) -> None:
        super().__init__("That took too long. Please try again, or ask for less.")


def read(statements: Sequence[Executable | Ready], *, until: float | None = None) -> list[list[Any]]:
    """Returns the rows of each statement, as the driver returns them; raises `TooLate` after `until`, on the monotonic clock.

    The default is 30 seconds from now.
    """
    until = time.monotonic() + PATIENCE_SECONDS if until is None else until
    seconds = until - time.monotonic()
    if seconds <= 0:
        raise TooLate
    try:
        return _in_thread(statements, until, seconds) if is_sqlite() else _on_server(statements, seconds)
    except DataError:
        # Not a failure of the database: the value, such as a text with a NUL, cannot occur in PostgreSQL.
        raise
    except (SQLAlchemyError, sqlite3.Error, TimeoutError) as error:
        raise TooLate from error


def column(statement: Executable) -> list[Any]:
    """Returns the first column of a statement's rows, within the default time limit."""
    [rows] = read([statement])
    return [row[0] for row in rows]


IDLE_READERS = PerApp[list[sqlite3.Connection]](list)


def _in_thread(statements: Sequence[Executable | Ready], until: float, seconds: float) -> list[list[Any]]:
    ready = [statement if isinstance(statement, tuple) else _ready(statement) for statement in statements]
    idle = IDLE_READERS.get()
    with gevent.Timeout(seconds, TimeoutError):
        return READS.run(partial(_rows, str(db.engine.url.database), idle, ready, until))


def _rows(path: str, idle: list[sqlite3.Connection], ready: Sequence[Ready], until: float) -> list[list[Any]]:
    """Runs statements in a real thread, on an SQLite connection of its own that gives up when the time is over.

    Connections are reused: a new one has to read the schema and the top of each index, which takes a quarter of a search.
    """
    connection = idle.pop() if idle else sqlite3.connect(f"file:{path}?mode=ro", uri=True, check_same_thread=False)
    connection.set_progress_handler(lambda: time.monotonic() > until, STEPS)
    rows = [connection.execute(sql, values).fetchall() for sql, values in ready]
    # Only after success: a connection that has failed is dropped.
    idle.append(connection)
    return rows


def _ready(statement: Executable) -> Ready:
    compiled: Any = statement.compile(db.engine, compile_kwargs={"render_postcompile": True})  # type: ignore[attr-defined]
    values: Mapping[str, Any] = compiled.params
    return str(compiled), [_bound(compiled, name, values[name]) for name in compiled.positiontup]


def _bound(compiled: Any, name: str, value: Any) -> Any:
    """Converts a value to the driver's type: SQLite stores a datetime as text."""
    parameter = compiled.binds.get(name)
    processed = parameter.type.dialect_impl(compiled.dialect).bind_processor(compiled.dialect) if parameter is not None else None
    return processed(value) if processed else value


def _on_server(statements: Sequence[Any], seconds: float) -> list[list[Any]]:
    # On a separate connection, so that neither the timeout nor a failure affects that of the request.
    with db.engine.connect() as connection:
        connection.execute(BOUNDS, {"timeout": str(max(1, int(seconds * 1000))), "memory": SORTING_MEMORY})
        return [list(connection.execute(statement)) for statement in statements]
