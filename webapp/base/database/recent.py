"""What every request asks for, such as the settings: read from the database at intervals, and after each change."""

import logging
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.base.current import PerApp

FRESH_SECONDS = 1.0
T = TypeVar("T")
log = logging.getLogger("recent")


class _Cell(Generic[T]):
    """The value that this process has read last."""

    def __init__(self, value: T) -> None:
        self.value = value
        self.read_at = float("-inf")
        self.has_read = False


class Recent(Generic[T]):
    """A value of each application, at most a second or `fresh_seconds` old; while the database is unreadable, the last one.

    `unreadable` names the warning that is then logged.
    """

    def __init__(
        self, read: Callable[[], T], before: T, *, unreadable: str, fresh_seconds: Callable[[], float] = lambda: FRESH_SECONDS
    ) -> None:
        self._read, self._unreadable, self._fresh_seconds = read, unreadable, fresh_seconds
        self._cell = PerApp[_Cell[T]](lambda: _Cell(before))

    def get(self) -> T:
        cell = self._cell.get()
        if time.monotonic() - cell.read_at >= self._fresh_seconds():
            # Set before reading, so that other greenlets don't queue for a database that does not respond; not for the first
            # read, which they need.
            if cell.has_read:
                cell.read_at = time.monotonic()
            try:
                cell.value = self._read()
            except SQLAlchemyError as error:
                log.warning(self._unreadable, extra={"fields": {"error": type(error).__name__}})
            if not cell.has_read:
                cell.read_at, cell.has_read = time.monotonic(), True
        return cell.value

    def read_again_after(self, session: Session) -> None:
        """Makes this process read again once the session has committed its change; others do so when theirs is too old."""
        event.listen(session, "after_commit", lambda _: self.read_again(), once=True)

    def read_again(self) -> None:
        """Makes this process read again, after a change that is committed."""
        # Into a new cell, of which nothing is fresh: a reading that began before the change ends in the old one, and those who
        # ask before the next one has ended read for themselves.
        self._cell.set(_Cell(self._cell.get().value))
