"""Records the SQL statements that an application sends to its database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from sqlalchemy import event

from webapp.base.db import db

# These are read again once a second, by the request that comes first: on a slow machine, by any.
READ_AGAIN = "FROM application_settings", "FROM connections", "FROM deleted_connections", "FROM permissions"


def is_read_again(statement: str) -> bool:
    return any(name in statement for name in READ_AGAIN)


@contextmanager
def listening(app: Flask, when: str, note: Callable[..., None]) -> Iterator[None]:
    """Registers a function for a SQLAlchemy event of an application's engine, inside the block."""
    with app.app_context():
        engine = db.engine
    event.listen(engine, when, note)
    try:
        yield
    finally:
        event.remove(engine, when, note)


@contextmanager
def statements(app: Flask) -> Iterator[list[tuple[str, Any]]]:
    """Yields a list that collects each statement of the application's connections, with its parameters."""
    said: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        said.append((statement, values))

    with listening(app, "before_cursor_execute", note):
        yield said
