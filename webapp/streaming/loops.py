"""The loop that flushes held text when it is due, the supervisor of long-lived greenlets, and periodic loops."""

import logging
from collections.abc import Callable
from math import inf

from .run import EARLY_SECONDS, Run
from .topics import Signal

log = logging.getLogger("generation:loops")

Spawn = Callable[[Callable[[], object]], object]


AGAIN_SECONDS = 0.25


def supervise(
    name: str,
    work: Callable[[], object],
    pause: Callable[[float], object],
    *,
    tries: float = inf,
    most_seconds: float = AGAIN_SECONDS,
) -> bool:
    """Runs the work until it returns, and returns whether it did; a failure is logged and tried again.

    After each failure it waits twice as long, up to `most_seconds`; after so many `tries` it gives up.
    """
    seconds, tried = AGAIN_SECONDS, 0
    while True:
        try:
            work()
            return True
        except Exception:
            log.exception("the %s loop failed", name)
        if (tried := tried + 1) >= tries:
            return False
        pause(seconds)
        seconds = min(2 * seconds, most_seconds)


class FlushLoop:
    """Flushes runs when their held text is due. It runs only while text is held, and does no I/O."""

    def __init__(
        self, *, spawn: Spawn, signal: Callable[[], Signal], pause: Callable[[float], object], now: Callable[[], float]
    ) -> None:
        self._spawn, self._signal, self._pause, self._now = spawn, signal, pause, now
        self._waiting: set[Run] = set()
        self._is_running = False
        self._wakes_at = 0.0
        self._wake = signal()

    def schedule(self, run: Run) -> None:
        """Schedules a flush of the run for when its text is due."""
        self._waiting.add(run)
        if not self._is_running:
            self._is_running = True
            self._spawn(lambda: supervise("flush", self._loop, self._pause))
        elif run.due_at is not None and run.due_at < self._wakes_at:
            self._wake.set()

    def _loop(self) -> None:
        while self._waiting:
            self._wakes_at = min(run.due_at or 0.0 for run in self._waiting)
            self._wake = self._signal()
            self._wake.wait(max(0.0, self._wakes_at - self._now()))
            soon = self._now() + EARLY_SECONDS
            due = [run for run in self._waiting if run.due_at is None or run.due_at <= soon]
            for run in due:
                self._waiting.discard(run)
                run.flush()
        self._is_running = False


class Ticker:
    """A periodic loop whose greenlet exists only while there is work."""

    def __init__(
        self,
        name: str,
        work: Callable[[], bool],
        *,
        every: Callable[[], float],
        spawn: Spawn,
        pause: Callable[[float], object],
        now: Callable[[], float],
        most_seconds: float = AGAIN_SECONDS,
    ) -> None:
        """`work` returns whether there is more; the time it takes counts towards `every`, up to half of that.

        After failures it backs off up to `most_seconds`.
        """
        self.ticks = 0
        self._most_seconds = most_seconds
        self._name, self._work, self._every, self._spawn, self._pause, self._now = name, work, every, spawn, pause, now
        self.is_running = self._is_wanted = False

    def wake(self) -> None:
        """Makes the loop run, once more if it is about to end."""
        self._is_wanted = True
        if not self.is_running:
            self.is_running = True
            self._spawn(lambda: supervise(self._name, self._loop, self._pause, most_seconds=self._most_seconds))

    def _loop(self) -> None:
        has_more, worked = True, 0.0
        while has_more or self._is_wanted:
            every = self._every()
            self._pause(max(every / 2, every - worked))
            began = self._now()
            self.ticks += 1
            self._is_wanted = False
            has_more = self._work()
            worked = self._now() - began
        self.is_running = False
