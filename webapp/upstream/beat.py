"""Wakes all who read answers together: to be woken one by one costs more than what each then does."""

from collections import deque
from collections.abc import Callable
from math import inf
from time import monotonic
from typing import Any

from gevent import get_hub

from webapp.streaming.beat import next_stroke

# For so long those who read go on one after another, before anything else is looked at.
TURN_SECONDS = 0.05


class Beat:
    """One timer for everybody, and none while nobody waits."""

    def __init__(self) -> None:
        self._waiting: deque[Any] = deque()
        self._timer: Any = None
        self._strikes_at = inf

    def wait(self, seconds: float, waiter: Any) -> None:
        """Until the next stroke of a beat of so many seconds, or until somebody else wakes the waiter, now or before."""
        if not seconds:
            return
        now = monotonic()
        self._waiting.append(waiter)
        if (at := next_stroke(now, seconds)) < self._strikes_at:
            self._begin(at, at - now)
        waiter.get()

    def _begin(self, at: float, seconds: float) -> None:
        self._end()
        self._strikes_at, self._timer = at, get_hub().loop.timer(max(0.0, seconds))
        self._timer.start(self._strike, update=True)

    def _end(self) -> None:
        if self._timer:
            self._timer.close()
        self._strikes_at, self._timer = inf, None

    def _strike(self) -> None:
        self._end()
        waiting, self._waiting = self._waiting, deque()
        _wake(waiting)


def _wake(waiting: deque[Any]) -> None:
    # Here and now, as a socket would: whatever is ready otherwise, like a hundred new requests, stands in a queue, and text that
    # flows would stand behind it.
    until = monotonic() + TURN_SECONDS
    while waiting and monotonic() < until:
        waiting.popleft().switch(None)
    if waiting:
        _soon(lambda: _wake(waiting))


def _soon(call: Callable[[], None]) -> None:
    """After a look at sockets and clocks."""
    timer = get_hub().loop.timer(0.0)

    def end() -> None:
        timer.close()
        call()

    timer.start(end)
