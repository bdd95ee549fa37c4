"""Sends what is said to those who watch, all of them together: nobody is woken whose connection takes it at once."""

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from ssl import SSLSocket
from typing import Any

import gevent

from webapp.heavy.turns import TURN_SECONDS, in_next_turn
from webapp.live.wire import socket_of
from webapp.streaming.failure import MISTAKES
from webapp.streaming.topics import Signal

log = logging.getLogger("live:push")

# More would wait too long for those behind them.
MOST_RUNG = 16
# Sends what is new, or says that it could not: then the watcher looks itself.
Push = Callable[[], bool]


class Bell:
    """Rung where a watcher may be sent more of what it follows; whatever else happens sets its `signal` itself.

    There is a `push` while the watcher sleeps. It is tried first, and what it has sent wakes nobody.
    """

    def __init__(self, signal: Signal) -> None:
        self.push: Push | None = None
        self._signal, self._is_rung = signal, False

    def set(self) -> None:
        if not self._ready_push:
            self._signal.set()
        elif not self._is_rung:
            self._is_rung = True
            _rung.append(self)
            if len(_rung) == 1:
                # Behind those who read text in this moment: to read a few times and then send a few times takes a processor
                # half the time of doing both for each.
                gevent.get_hub().loop.run_callback(_push)
            elif len(_rung) >= MOST_RUNG:
                _push()

    def ring(self) -> None:
        """Sends what is new, or wakes the watcher."""
        self._is_rung = False
        if not ((push := self._ready_push) and _is_pushed(push)):
            self._signal.set()

    @property
    def _ready_push(self) -> Push | None:
        # Who has been woken already looks first what else has happened.
        return None if self._signal.is_set() else self.push

    def is_set(self) -> bool:
        return self._signal.is_set()

    def clear(self) -> None:
        self._signal.clear()

    def wait(self, timeout: float | None = None) -> bool:
        return self._signal.wait(timeout)


class Outlet:
    """The connection of a stream that the server sends in chunks: `offer` never waits, `finish` sends what that has left over."""

    def __init__(self, socket: Any) -> None:
        self._socket, self._left = socket, b""

    def offer(self, content: bytes) -> bool:
        """Says if all of it has gone."""
        chunk = b"%X\r\n%b\r\n" % (len(content), content)
        try:
            sent = self._socket.send(chunk, timeout=0.0)
        except OSError:
            # It is full, or broken: who sends it to its end learns which.
            sent = 0
        self._left = chunk[sent:]
        return not self._left

    def finish(self) -> bool:
        """Waits for the other side, if need be, and tells whether it was."""
        left, self._left = self._left, b""
        if left:
            self._socket.sendall(left)
        return bool(left)


def outlet_of(environ: Mapping[str, Any]) -> Outlet | None:
    """The connection of a request, where its answer is sent in chunks and the system itself says if it has room for one."""
    socket, asked = socket_of(environ), (environ.get("REQUEST_METHOD"), environ.get("SERVER_PROTOCOL"))
    has_chunks = asked[0] != "HEAD" and asked[1] == "HTTP/1.1"
    return Outlet(socket) if socket and has_chunks and not isinstance(socket, SSLSocket) else None


# Those to whom something is to be sent as soon as everybody has said what there is.
_rung: deque[Bell] = deque()


def _push() -> None:
    until = time.monotonic() + TURN_SECONDS
    try:
        while _rung and time.monotonic() < until:
            _rung.popleft().ring()
    finally:
        if _rung:
            in_next_turn(_push)


def _is_pushed(push: Push) -> bool:
    try:
        return push()
    except MISTAKES:
        # Not the fault of whoever says something; the watcher meets it as well, and its stream ends by it.
        log.exception("a watcher could not be sent what is new")
        return False
