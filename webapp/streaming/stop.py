"""A stop signal: set once, seen by waits, loops and open sockets."""

from collections.abc import Callable

from .topics import Signal


class Stop:
    def __init__(self, signal: Callable[[], Signal]) -> None:
        self.reason = ""
        self._signal = signal()
        self._aborts: list[Callable[[], None]] = []

    def __bool__(self) -> bool:
        return bool(self.reason)

    def ask(self, reason: str) -> None:
        """Only the first request counts; open sockets are closed immediately."""
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

    def aborting(self, abort: Callable[[], None]) -> "Aborting":
        """Inside, a stop request calls `abort`; an earlier one calls it immediately."""
        return Aborting(self, self._aborts, abort)


class Aborting:
    """No generator, as every reader waits in one at each stroke of the beat."""

    __slots__ = ("_abort", "_aborts", "_stop")

    def __init__(self, stop: Stop, aborts: list[Callable[[], None]], abort: Callable[[], None]) -> None:
        self._stop, self._aborts, self._abort = stop, aborts, abort

    def __enter__(self) -> None:
        if self._stop.reason:
            self._abort()
        self._aborts.append(self._abort)

    def __exit__(self, *_: object) -> None:
        self._aborts.remove(self._abort)
