"""A semaphore for work that keeps the database busy, with a limit per person; waiting holds no database connection."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from weakref import WeakValueDictionary

from gevent.lock import BoundedSemaphore

from webapp.db import db
from webapp.errors import Unavailable

PATIENCE_SECONDS = 30.0
BUSY = "Too much is being looked for at this moment. Please try again in a few seconds."


class WorkLimiter:
    """Admits `most` callers simultaneously, and `most_each` of one person, whose many requests then block no one else."""

    def __init__(self, *, most: int, most_each: int, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._places, self._most_each, self._patience_seconds = BoundedSemaphore(most), most_each, patience_seconds
        # Weak references: only of people who are inside or waiting.
        self._of = WeakValueDictionary[str, BoundedSemaphore]()

    @contextmanager
    def entered(self, whose: str) -> Iterator[None]:
        own = self._of.get(whose) or self._of.setdefault(whose, BoundedSemaphore(self._most_each))
        with ExitStack() as stack:
            for places in (own, self._places):
                self._wait(places)
                stack.callback(places.release)
            yield

    def _wait(self, places: BoundedSemaphore) -> None:
        if places.acquire(blocking=False):
            return
        # No database connection is held while waiting.
        db.session.rollback()
        if not places.acquire(timeout=self._patience_seconds):
            raise Unavailable(BUSY, retry_after=5)
