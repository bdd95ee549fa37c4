"""A wish to end, made once and heard everywhere: by waits, by loops and by open sockets."""

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

    def ask(self, reason: str) -> None:
        """Only the first wish counts; open sockets are closed at once."""
        if self.reason:
            return
        self.reason = reason
        self._signal.set()
        for abort in list(self._aborts):
            abort()

    def wait(self, seconds: float) -> bool:
        """Sleeps, unless somebody asks to stop; says whether."""
        self._signal.wait(seconds)
        return bool(self)

    @contextmanager
    def aborting(self, abort: Callable[[], None]) -> Iterator[None]:
        """While inside, a wish to stop calls `abort`; one made before calls it now."""
        self._aborts.append(abort)
        try:
            if self.reason:
                abort()
            yield
        finally:
            self._aborts.remove(abort)
