"""Counts the SQLite VM instructions run in the event loop's thread: those run in other threads do not block it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from sqlalchemy import event

from webapp.base.db import db

AT_ONCE = 100


class Steps:
    """The approximate number of VM instructions."""

    def __init__(self) -> None:
        self.count = 0

    def take(self) -> int:
        self.count += AT_ONCE
        return 0


@contextmanager
def steps_on_the_loop(app: Flask) -> Iterator[Steps]:
    """Counts the instructions that the application's own connections run inside the block."""
    steps = Steps()

    def count(connection: Any, *_: Any) -> None:
        connection.set_progress_handler(steps.take, AT_ONCE)

    def leave(connection: Any, *_: Any) -> None:
        connection.set_progress_handler(None, AT_ONCE)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "checkout", count)
    event.listen(engine, "checkin", leave)
    try:
        yield steps
    finally:
        event.remove(engine, "checkout", count)
        event.remove(engine, "checkin", leave)
