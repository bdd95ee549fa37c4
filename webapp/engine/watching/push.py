"""Pushes text to all watchers together; a watcher is woken only if its connection cannot take the data immediately."""

import logging
from collections import deque
from collections.abc import Callable, Mapping
from functools import lru_cache
from ssl import SSLSocket
from typing import Any

import gevent

from webapp.base.heavy.turns import run_in_turns
from webapp.engine.watching.sse_response import socket_of
from webapp.streaming.failure import MISTAKES
from webapp.streaming.topics import Signal

log = logging.getLogger("live:push")

# With more, the last ones would wait too long.
MOST_QUEUED = 16
# Sends what is new; returns False if it could not, and then the watcher is woken to send it itself.
Push = Callable[[], bool]


class PushSignal:
    """The signal for more text of what a watcher follows; any other event sets the watcher's `signal` directly.

    While the watcher sleeps there is a `push`. It is tried first, and if it has sent everything, the watcher is not woken.
    """

    def __init__(self, signal: Signal) -> None:
        self.push: Push | None = None
        self._signal, self._is_queued = signal, False

    def set(self) -> None:
        # A watcher that was already woken must first look at what else has happened.
        if self.push is None or self._signal.is_set():
            self._signal.set()
        elif not self._is_queued:
            self._is_queued = True
            _queued.append(self.push_or_wake)
            if len(_queued) == 1:
                # After the greenlets that read text now: several reads and then several sends take half the CPU time of
                # alternating.
                gevent.get_hub().loop.run_callback(run_in_turns, _queued)
            elif len(_queued) >= MOST_QUEUED:
                run_in_turns(_queued)

    def push_or_wake(self) -> None:
        """Pushes what is new, or wakes the watcher."""
        self._is_queued = False
        try:
            if self.push and not self._signal.is_set() and self.push():
                return
        except MISTAKES:
            # Not the fault of the code that appends; the watcher fails in the same way, which ends its stream.
            log.exception("a watcher could not be sent what is new")
        self._signal.set()

    def is_set(self) -> bool:
        return self._signal.is_set()

    def clear(self) -> None:
        self._signal.clear()

    def wait(self, timeout: float | None = None) -> bool:
        return self._signal.wait(timeout)


class NonBlockingWriter:
    """The connection of a chunked response: `offer` sends without blocking, `finish` sends what that has left over."""

    def __init__(self, socket: Any) -> None:
        self._socket, self._left = socket, b""

    def offer(self, content: bytes) -> bool:
        """Sends as much as possible as one chunk; returns whether it has sent all of it."""
        chunk = _chunk(content)
        try:
            sent = self._socket.send(chunk, timeout=0.0)
        except OSError:
            # The send buffer is full or the connection is broken: sending the rest will show which.
            sent = 0
        if sent == len(chunk):
            return True
        self._left = chunk[sent:]
        return False

    def finish(self) -> bool:
        """Sends the rest, waiting for the client if necessary; returns whether there was a rest."""
        content, self._left = self._left, b""
        if content:
            self._socket.sendall(content)
        return bool(content)


def writer_of(environ: Mapping[str, Any]) -> NonBlockingWriter | None:
    """Returns the connection of a request if its response is chunked and a plain socket shows its free buffer; else None."""
    socket, request = socket_of(environ), (environ.get("REQUEST_METHOD"), environ.get("SERVER_PROTOCOL"))
    has_chunks = request[0] != "HEAD" and request[1] == "HTTP/1.1"
    return NonBlockingWriter(socket) if socket and has_chunks and not isinstance(socket, SSLSocket) else None


# All watchers of an answer are sent the same, one after another.
@lru_cache(maxsize=4)
def _chunk(content: bytes) -> bytes:
    return b"%X\r\n%b\r\n" % (len(content), content)


# Watchers to be pushed to once all greenlets that are ready have appended their text.
_queued: deque[Callable[[], object]] = deque()
