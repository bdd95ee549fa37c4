"""Wakes all greenlets that read answers together: waking each by itself costs more than its work."""

from collections import deque
from functools import cache
from math import inf
from select import POLLIN
from time import monotonic
from typing import Any

from gevent import get_hub
from gevent.monkey import get_original

from webapp.base.heavy.turns import in_next_turn
from webapp.streaming.run import next_stroke

# How long readers run one after another before the event loop handles what has no socket, such as timers.
WAKING_SECONDS = 0.05
# How long, during one stroke, sockets that become ready are handled before the readers that remain.
OTHERS_SECONDS = 0.03


class Beat:
    """One timer for all waiters, and none while no one waits."""

    def __init__(self) -> None:
        self._waiting: deque[Any] = deque()
        self._timer: Any = None
        self._strikes_at = inf

    def wait(self, seconds: float, waiter: Any) -> None:
        """Waits until the next stroke, with a stroke every `seconds`, or until another greenlet wakes the waiter."""
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


def _wake(waiting: deque[Any], others_seconds: float = 0.0) -> None:
    # Switches directly, as a socket's event does: anything else that is ready, like a hundred new requests, waits in the hub's
    # queue, and flowing text would wait behind it. But a request, or a model's first words, need not wait for a hundred readers.
    until = monotonic() + WAKING_SECONDS
    while waiting:
        waiting.popleft().switch(None)
        if monotonic() > until or (others_seconds < OTHERS_SECONDS and _is_socket_ready()):
            break
    if waiting:
        since = monotonic()
        in_next_turn(lambda: _wake(waiting, others_seconds + monotonic() - since))


def _is_socket_ready() -> bool:
    """Returns whether the event loop has something to handle; resting readers are not waiting for their sockets."""
    return bool(_poll_of(get_hub().loop.fileno()).poll(0))


@cache
def _poll_of(fileno: int) -> Any:
    # The loop's own descriptor is readable when one of its sockets is ready.
    poll = get_original("select", "poll")()
    poll.register(fileno, POLLIN)
    return poll
