"""How work shares the event loop with other greenlets. There are three ways, all of them in this module:

`give_way` lets all others run once, for an answer that is being written. A `TurnQueue` lets one of those who wait in it continue
in each turn of the loop, for what many begin at the same moment. A `TimeSlice` does one of these after ten milliseconds of work.
"""

import io
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, ClassVar, TypeVar

import gevent
from gevent.event import Event

T = TypeVar("T")
# How long a piece of work can run before it yields.
TURN_SECONDS = 0.01
# A queue must never make its callers wait forever.
MOST_WAIT_SECONDS = 1.0


def give_way() -> None:
    """Yields to the event loop, so that all other greenlets that are ready run.

    The caller must not have a transaction open, and must not rely on data that it read before.
    """
    # Not `sleep(0)`, which only runs greenlets that are ready already: those that wait for a socket or a timer would starve.
    gevent.sleep(1e-6)


def in_next_turn(call: Callable[[], object]) -> None:
    """Calls a function after the event loop has handled all other events."""
    timer = gevent.get_hub().loop.timer(1e-6)

    def end() -> None:
        timer.close()
        call()

    timer.start(end)


def run_in_turns(calls: deque[Callable[[], object]]) -> None:
    """Calls functions in order and removes them; after ten milliseconds, the rest waits for the next turn of the event loop.

    For code that runs in the event loop itself, and so cannot wait.
    """
    until = time.monotonic() + TURN_SECONDS
    try:
        while calls and time.monotonic() < until:
            calls.popleft()()
    finally:
        if calls:
            in_next_turn(lambda: run_in_turns(calls))


class TurnQueue:
    """A queue that releases its first waiter in each turn of the event loop; several queues take turns."""

    # The greenlet that was released in this turn.
    released: ClassVar[Any] = None

    def __init__(self) -> None:
        self._waiting: deque[Event] = deque()

    def wait(self, most_seconds: float | None = None) -> None:
        """Waits for a turn; continues in any case after `most_seconds`."""
        ready = Event()
        self._waiting.append(ready)
        self._join()
        # Its turn can have come in the moment in which the wait was over.
        if not ready.wait(most_seconds) and not ready.is_set():
            self._waiting.remove(ready)
        TurnQueue.released = gevent.getcurrent()

    def enter(self) -> None:
        """Waits like `wait`, but returns immediately if no queue is active, or if this greenlet was released in this turn."""
        if not _queues:
            self._join()
            TurnQueue.released = gevent.getcurrent()
        elif TurnQueue.released is not gevent.getcurrent():
            self.wait()

    def _join(self) -> None:
        if self not in _queues:
            _queues.append(self)
            if len(_queues) == 1:
                in_next_turn(_call_next)

    def call(self) -> bool:
        """Releases the first waiter, if there is one; returns whether there was."""
        if self._waiting:
            self._waiting.popleft().set()
            return True
        return False


# The queues in order of their turns, including one just emptied: a page and a piece of long work must not share a turn.
_queues: deque[TurnQueue] = deque()
_long_work, _ends = TurnQueue(), TurnQueue()


def _call_next() -> None:
    TurnQueue.released, queue = None, _queues.popleft()
    if queue.call():
        _queues.append(queue)
    if _queues:
        in_next_turn(_call_next)


def queue_for_turn() -> None:
    """Yields like `give_way`, but of all callers with long work, only one continues in each turn of the event loop.

    One piece of ten milliseconds does no harm, but fifty people's exports are half a second.
    """
    _long_work.wait()


def wait_for_turn() -> None:
    """Returns immediately to the first caller in a turn of the event loop; the next ones wait for a turn of their own.

    Saving the ends of answers, and titles, begins with it: each takes several milliseconds, and a hundred of them in one turn
    would block all answers that are being written. After a second a caller continues in any case.
    """
    if _queues:
        _ends.wait(MOST_WAIT_SECONDS)
    else:
        _ends.enter()


class TimeSlice:
    """A piece of work for so many seconds, after which `end` yields."""

    def __init__(self, end: Callable[[], None] = queue_for_turn, seconds: float = TURN_SECONDS) -> None:
        self._end, self._seconds = end, seconds
        self.begin()

    def begin(self) -> float:
        """Begins a new slice, as other greenlets have just run; returns the time."""
        now = time.monotonic()
        self._until = now + self._seconds
        return now

    def check(self) -> float:
        """Yields if the slice is over, and begins the next; returns the time."""
        if (now := time.monotonic()) < self._until:
            return now
        self._end()
        return self.begin()


def by_turns(items: Iterable[T], *, seconds: float = TURN_SECONDS) -> Iterator[T]:
    """Yields the items; after work on them has run for 10 ms, other greenlets run before the next one."""
    time_slice = TimeSlice(seconds=seconds)
    for item in items:
        yield item
        time_slice.check()


class YieldingStream(io.RawIOBase):
    """A stream that yields to other greenlets between reads: a body that has already arrived would be read without a pause."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._slice = stream, TimeSlice()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        # Forty people's forms would otherwise take nearly half a second.
        self._slice.check()
        chunk = self._stream.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)
