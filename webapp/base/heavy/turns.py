"""How long work yields to other greenlets: all ways to do so are in this module."""

import io
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, ClassVar, TypeVar

import gevent
from gevent.event import Event
from gevent.lock import Semaphore

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


class TurnQueue:
    """A queue that releases its first waiter in each turn of the event loop; several queues take turns."""

    # The greenlet that was released in this turn.
    released: ClassVar[Any] = None

    def __init__(self) -> None:
        self._waiting: deque[Event] = deque()

    def wait(self) -> None:
        ready = Event()
        self._waiting.append(ready)
        self._join()
        ready.wait()
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
_long_work = TurnQueue()


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


_finishing = Semaphore()


def wait_for_turn(most_seconds: float = MOST_WAIT_SECONDS) -> None:
    """Returns immediately to the first caller in a turn of the event loop; the next ones wait for a turn of their own.

    Saving the ends of answers, and titles, begins with it: each takes several milliseconds, and a hundred of them in one turn
    would block all answers that are being written. After `most_seconds` a caller continues in any case.
    """
    if _finishing.acquire(timeout=most_seconds):
        in_next_turn(_finishing.release)


def by_turns(items: Iterable[T], *, seconds: float = TURN_SECONDS) -> Iterator[T]:
    """Yields the items; after work on them has run for 10 ms, other greenlets run before the next one."""
    began = time.monotonic()
    for item in items:
        yield item
        if time.monotonic() - began >= seconds:
            queue_for_turn()
            began = time.monotonic()


class YieldingStream(io.RawIOBase):
    """A stream that yields to other greenlets between reads: a body that has already arrived would be read without a pause."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._began = stream, time.monotonic()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if time.monotonic() - self._began >= TURN_SECONDS:
            # Forty people's forms would otherwise take nearly half a second.
            queue_for_turn()
            self._began = time.monotonic()
        chunk = self._stream.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)
