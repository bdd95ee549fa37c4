"""How work in pieces lets others have their turn: said here, once."""

import io
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, ClassVar, TypeVar

import gevent
from gevent.event import Event
from gevent.lock import Semaphore

T = TypeVar("T")
# What a piece of work may take of the loop before it gives way.
TURN_SECONDS = 0.01
# A queue must not become a reason to wait for good.
MOST_WAIT_SECONDS = 1.0


def give_way() -> None:
    """Lets everybody else go on who is ready.

    Nothing that was read before may be relied on after it, and no transaction is open meanwhile.
    """
    # Sleeping for nothing lets only those go on who are ready; who waits for a socket or the clock would starve meanwhile.
    gevent.sleep(1e-6)


def in_next_turn(call: Callable[[], object]) -> None:
    """Calls it when the loop has looked at everybody else."""
    timer = gevent.get_hub().loop.timer(1e-6)

    def end() -> None:
        timer.close()
        call()

    timer.start(end)


class Line:
    """In each turn of the loop one of those who wait goes on, whoever has come first; several lines take turns."""

    # Whoever goes on in this turn.
    on: ClassVar[Any] = None

    def __init__(self) -> None:
        self._waiting: deque[Event] = deque()

    def wait(self) -> None:
        place = Event()
        self._waiting.append(place)
        self._join()
        place.wait()
        Line.on = gevent.getcurrent()

    def enter(self) -> None:
        """The same, but whoever is the first of all lines in a turn goes on at once, and past all lines."""
        if not _lines:
            self._join()
            Line.on = gevent.getcurrent()
        elif Line.on is not gevent.getcurrent():
            self.wait()

    def _join(self) -> None:
        if self not in _lines:
            _lines.append(self)
            if len(_lines) == 1:
                in_next_turn(_call_next)

    def call(self) -> bool:
        """Lets the first go on, if there is one; says whether there was."""
        if self._waiting:
            self._waiting.popleft().set()
            return True
        return False


# Those whose turn comes, or has just been: a page and a piece of long work in one turn would be a long one.
_lines: deque[Line] = deque()
_long_work = Line()


def _call_next() -> None:
    Line.on, line = None, _lines.popleft()
    if line.call():
        _lines.append(line)
    if _lines:
        in_next_turn(_call_next)


def stand_in_line() -> None:
    """Lets everybody else go on, as `give_way`; of all who are at long work, one goes on in each turn of the loop.

    Ten milliseconds are nothing to wait for, but fifty people's exports are half a second.
    """
    _long_work.wait()


_finishing = Semaphore()


def wait_for_turn(most_seconds: float = MOST_WAIT_SECONDS) -> None:
    """Returns at once to the first in a turn of the loop; whoever comes next waits until the loop has looked at everybody else.

    Ends of answers and titles begin so: each takes several milliseconds, and a hundred of them in one turn of the loop would
    hold up all answers that are being written. Whoever has waited for so long begins in any case.
    """
    if _finishing.acquire(timeout=most_seconds):
        in_next_turn(_finishing.release)


def by_turns(items: Iterable[T], *, seconds: float = TURN_SECONDS) -> Iterator[T]:
    """The same items; whenever work on them has held the loop for 10 ms, the others have their turn before the next."""
    began = time.monotonic()
    for item in items:
        yield item
        if time.monotonic() - began >= seconds:
            stand_in_line()
            began = time.monotonic()


class Unhurried(io.RawIOBase):
    """A stream that stands in line between two reads, as a body that has arrived already would be read and parsed in one go."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._began = stream, time.monotonic()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if time.monotonic() - self._began >= TURN_SECONDS:
            # Forty people's forms would be nearly half a second.
            stand_in_line()
            self._began = time.monotonic()
        chunk = self._stream.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)
