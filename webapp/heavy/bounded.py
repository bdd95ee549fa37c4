"""Reads of much within a bound of time, which hold up nobody: in a thread on SQLite, by a time-out on PostgreSQL."""

import sqlite3
import time
from collections.abc import Mapping, Sequence
from typing import Any

from flask import current_app
from sqlalchemy import Executable, text
from sqlalchemy.exc import DataError, SQLAlchemyError

from webapp.db import db, is_sqlite
from webapp.errors import Unavailable
from webapp.heavy.threads import offload_within

# How many steps of SQLite's machine pass between two looks at the clock: less than a millisecond.
STEPS = 10_000
# On PostgreSQL, whose own 4 MB have common words ranked by way of the disk.
SORTING_MEMORY = "32MB"
BOUNDS = text("SELECT set_config('statement_timeout', :timeout, true), set_config('work_mem', :memory, true)")
# For a person who waits for nothing else.
PATIENCE_SECONDS = 30.0
# For SQLite a statement may also come as its text and values.
Ready = tuple[str, Sequence[Any]]


class TooLate(Unavailable):
    """The database gave no answer in time, or none at all."""

    def __init__(self) -> None:
        super().__init__("That took too long. Please try again, or ask for less.")


def read(statements: Sequence[Executable | Ready], *, until: float | None = None) -> list[list[Any]]:
    """The rows of each statement, plain as the driver gives them; by this moment on the monotonic clock all have to be there.

    Without one it is when a person's patience ends.
    """
    until = time.monotonic() + PATIENCE_SECONDS if until is None else until
    seconds = until - time.monotonic()
    if seconds <= 0:
        raise TooLate
    try:
        return _in_thread(statements, until, seconds) if is_sqlite() else _on_server(statements, seconds)
    except DataError:
        # No fault of the database: what was asked for, such as a NUL, can be in no text of PostgreSQL.
        raise
    except (SQLAlchemyError, sqlite3.Error, TimeoutError) as error:
        raise TooLate from error


def column(statement: Executable) -> list[Any]:
    """The first column of what a statement finds, within the patience of a person."""
    [rows] = read([statement])
    return [row[0] for row in rows]


def _in_thread(statements: Sequence[Executable | Ready], until: float, seconds: float) -> list[list[Any]]:
    ready = [each if isinstance(each, tuple) else _ready(each) for each in statements]
    idle: list[sqlite3.Connection] = current_app.extensions.setdefault("idle readers", [])
    return offload_within(seconds, _rows, str(db.engine.url.database), idle, ready, until)


def _rows(path: str, idle: list[sqlite3.Connection], ready: Sequence[Ready], until: float) -> list[list[Any]]:
    """In a real thread: nothing but SQLite, with a connection of its own, which gives up when the time is over.

    A new one has to read what the database is like and the top of each index, which takes a quarter of a search.
    """
    connection = idle.pop() if idle else sqlite3.connect(f"file:{path}?mode=ro", uri=True, check_same_thread=False)
    connection.set_progress_handler(lambda: time.monotonic() > until, STEPS)
    rows = [connection.execute(sql, values).fetchall() for sql, values in ready]
    # Only after this: one that has failed is let go.
    idle.append(connection)
    return rows


def _ready(statement: Executable) -> Ready:
    compiled: Any = statement.compile(db.engine, compile_kwargs={"render_postcompile": True})  # type: ignore[attr-defined]
    values: Mapping[str, Any] = compiled.params
    return str(compiled), [_bound(compiled, name, values[name]) for name in compiled.positiontup]


def _bound(compiled: Any, name: str, value: Any) -> Any:
    """As the driver takes it: a moment is a text to SQLite."""
    known = compiled.binds.get(name)
    processed = known.type.dialect_impl(compiled.dialect).bind_processor(compiled.dialect) if known is not None else None
    return processed(value) if processed else value


def _on_server(statements: Sequence[Any], seconds: float) -> list[list[Any]]:
    # On a connection of its own, so that neither the bound nor a failure stays with the request's.
    with db.engine.connect() as connection:
        connection.execute(BOUNDS, {"timeout": str(max(1, int(seconds * 1000))), "memory": SORTING_MEMORY})
        return [list(connection.execute(each)) for each in statements]
