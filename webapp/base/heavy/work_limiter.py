"""A semaphore for heavy work with a limit per person, and for whom the current request does its work."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from weakref import WeakValueDictionary

from flask import has_app_context
from gevent.lock import BoundedSemaphore

from webapp.base.current import PerApp
from webapp.base.errors import Unavailable

PATIENCE_SECONDS = 30.0
BUSY = "The server is busy with other requests like this one. Please try again in a few seconds."
AGAIN_SECONDS = 5
WHOSE = PerApp[Callable[[], str]]()


def whose() -> str:
    """Returns the id of the person whose request this is, else their address; empty for work in the background."""
    return WHOSE.get()() if has_app_context() else ""


class WorkLimiter:
    """Admits `most` callers simultaneously, and `most_each` of one person, whose many requests then block no one else.

    Work in the background, whose person is empty, has no limit of its own. `before_waiting` releases what must not be held
    meanwhile, such as a database connection.
    """

    def __init__(
        self,
        *,
        most: int,
        most_each: int,
        patience_seconds: float = PATIENCE_SECONDS,
        busy: str = BUSY,
        before_waiting: Callable[[], object] = lambda: None,
    ) -> None:
        self._slots, self._most_each, self._patience_seconds = BoundedSemaphore(most), most_each, patience_seconds
        self._busy, self._before_waiting = busy, before_waiting
        # Weak references: only of people who are inside or waiting.
        self._of = WeakValueDictionary[str, BoundedSemaphore]()

    @contextmanager
    def entered(self, whose: str, *, patience_seconds: float | None = None) -> Iterator[None]:
        leave = self.enter(whose, patience_seconds=patience_seconds)
        try:
            yield
        finally:
            leave()

    def enter(self, whose: str, *, patience_seconds: float | None = None) -> Callable[[], None]:
        """Waits for a slot, and returns the function that frees it; raises `Unavailable` if that takes too long."""
        own = self._of.get(whose) or self._of.setdefault(whose, BoundedSemaphore(self._most_each))
        with ExitStack() as stack:
            for slots in (own, self._slots) if whose else (self._slots,):
                self._wait(slots, self._patience_seconds if patience_seconds is None else patience_seconds)
                stack.callback(slots.release)
            return stack.pop_all().close

    def _wait(self, slots: BoundedSemaphore, patience_seconds: float) -> None:
        if slots.acquire(blocking=False):
            return
        self._before_waiting()
        if not slots.acquire(timeout=patience_seconds):
            raise Unavailable(self._busy, retry_after=AGAIN_SECONDS)
