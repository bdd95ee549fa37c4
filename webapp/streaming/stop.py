"""A stop signal: set once, seen by waits, loops and open sockets."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .topics import Signal


class Stop:
    def __init__(self, signal: Callable[[], Signal]) -> None:
        self.reason = ""
        self._signal = signal()
        self._aborts: list[Callable[[], None]] = []

    def __bool__(self) -> bool:
        return bool(self.reason)

    def request(self, reason: str) -> None:
        """Requests a stop: only the first reason counts, and open sockets are closed immediately."""
        if self.reason:
            return
        self.reason = reason
        self._signal.set()
        for abort in list(self._aborts):
            abort()

    def wait(self, seconds: float) -> bool:
        """Sleeps until the time is over or a stop is requested; returns whether it was."""
        self._signal.wait(seconds)
        return bool(self)

    @contextmanager
    def aborting(self, abort: Callable[[], None]) -> Iterator[None]:
        """Calls `abort` when a stop is requested inside the block; immediately, if one already was."""
        if self.reason:
            abort()
        self._aborts.append(abort)
        try:
            yield
        finally:
            self._aborts.remove(abort)
