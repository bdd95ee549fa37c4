"""What an application says to its database, statement by statement."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from sqlalchemy import event

from webapp.db import db


@contextmanager
def listening(app: Flask, when: str, note: Callable[..., None]) -> Iterator[None]:
    """Has a function called with all that an application's connections say, as SQLAlchemy tells it."""
    with app.app_context():
        engine = db.engine
    event.listen(engine, when, note)
    try:
        yield
    finally:
        event.remove(engine, when, note)


@contextmanager
def statements(app: Flask) -> Iterator[list[tuple[str, Any]]]:
    """Each that is said through its own connections, with its values."""
    said: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        said.append((statement, values))

    with listening(app, "before_cursor_execute", note):
        yield said
