"""The gevent worker of gunicorn, in which slow, idle or too many connections do not take the place of others.

gunicorn imports this before anything is patched, so the application and all libraries are imported later.
"""

import socket
import time
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

from gunicorn.http.body import ChunkedReader
from gunicorn.http.errors import ParseException
from gunicorn.workers.ggevent import GeventWorker

from webapp.heavy.turns import TURN_SECONDS, Line, give_way
from webapp.web.crowd import RETRY_SECONDS, SENTENCE

# How long a body may keep us waiting: so long in any case, and as long as this speed needs for what has come.
BODY_SECONDS, BODY_BYTES_PER_SECOND = 10.0, 50_000
# With fewer unread bytes of a body than this, its connection can be used again.
SMALL_BODY = 65_536
# A socket that is closed upon unread bytes takes the answer back, so a part of them is read first.
DRAIN_SECONDS, DRAIN_BYTES = 2.0, 2**24
# To refuse politely takes a place; beyond so many at once, connections are closed without a word.
MOST_REFUSALS = 100
# Above this part of all places, the connection that has waited longest for its client is closed for each new one.
CROWDED = 0.9
REFUSAL = (
    f"HTTP/1.1 429 Too Many Requests\r\nRetry-After: {RETRY_SECONDS}\r\nConnection: close\r\n"
    f"Content-Type: text/plain; charset=utf-8\r\nContent-Length: {len(SENTENCE)}\r\n\r\n{SENTENCE}"
).encode()


class Worker(GeventWorker):  # type: ignore[misc]
    """Counts the connections of each address, gives bodies a deadline, and closes idle connections when it is crowded."""

    def load_wsgi(self) -> None:
        super().load_wsgi()
        self._crowd, self._proxies = self.wsgi.extensions["crowd"], self.wsgi.extensions["proxies"]
        self._open = self._refusals = 0
        # Sockets whose client has to send something, with the moment since when.
        self._waiting: dict[Any, float] = {}
        # Those whose client has left: their places are free as soon as each has had its turn.
        self._left: set[Any] = set()

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        if self._proxies.is_proxy(addr[0]):
            self._serve(listener, client, addr)
            return
        with self._crowd.entered(addr[0]) as is_welcome:
            if is_welcome:
                self._serve(listener, client, addr)
        if not is_welcome:
            self._refuse(client)

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> Any:
        self._waiting.pop(sock, None)
        _queue_up()
        req.unreader.sock, req.body.reader = _PacedSocket(sock, self._waiting, self._left), _RefusingReader(req.body.reader)
        closes = req.should_close
        req.should_close = lambda: closes() or _is_unread(req.body)
        try:
            return super().handle_request(listener_name, req, sock, addr)
        finally:
            req.unreader.sock = sock
            if _is_unread(req.body):
                _drain(sock)
            if sock not in self._left:
                self._waiting[sock] = time.monotonic()
            # The next request may have been sent along with this one, and so a thousand more: then nothing waits for the network.
            give_way()

    def _serve(self, listener: Any, client: Any, addr: Any) -> None:
        self._make_room()
        self._open += 1
        self._waiting[client] = time.monotonic()
        try:
            super().handle(listener, client, addr)
        finally:
            self._open -= 1
            self._waiting.pop(client, None)
            self._left.discard(client)

    def _make_room(self) -> None:
        # A crowd that leaves in one moment must not take those along who stay.
        if self._waiting and self._open - len(self._left) >= CROWDED * self.worker_connections:
            longest = min(self._waiting, key=self._waiting.__getitem__)
            del self._waiting[longest]
            with suppress(OSError):
                longest.shutdown(socket.SHUT_RDWR)

    def _refuse(self, client: Any) -> None:
        self._refusals += 1
        try:
            if self._refusals <= MOST_REFUSALS:
                with suppress(OSError):
                    client.settimeout(DRAIN_SECONDS)
                    client.sendall(REFUSAL)
                    _drain(client)
        finally:
            self._refusals -= 1
            client.close()


class _PacedSocket:
    """What a body is read from: it is refused when its client keeps us waiting for too long, all in all."""

    def __init__(self, sock: Any, waiting: dict[Any, float], left: set[Any]) -> None:
        self._sock, self._waiting, self._left = sock, waiting, left
        self._since, self._seconds_left = time.monotonic(), BODY_SECONDS
        self._turn_began = self._since

    def recv(self, size: int) -> bytes:
        self._take_turns()
        began = time.monotonic()
        try:
            with self._as_waiting():
                received: bytes = self._sock.recv(size)
        except TimeoutError:
            _refuse_slow_body()
        if not received:
            self._left.add(self._sock)
        self._seconds_left += len(received) / BODY_BYTES_PER_SECOND - (time.monotonic() - began)
        return received

    def _take_turns(self) -> None:
        # What has arrived already is read without waiting, and a body may consist of a million chunks.
        if time.monotonic() - self._turn_began >= TURN_SECONDS:
            give_way()
            self._turn_began = time.monotonic()

    @contextmanager
    def _as_waiting(self) -> Any:
        self._waiting[self._sock] = self._since
        self._sock.settimeout(max(0.001, self._seconds_left))
        try:
            yield
        finally:
            self._waiting.pop(self._sock, None)
            self._sock.settimeout(None)
            _queue_up()


# The loop serves sockets that are ready together, and those that waited too long, in one turn: sixty pages would be a second.
_requests = Line()


def _queue_up() -> None:
    """Lets all others go first; of those who wait here one goes on in each turn of the loop."""
    _requests.enter()


class _RefusingReader:
    """Reads a body; one in damaged chunks is the client's fault, and not ours."""

    def __init__(self, reader: Any) -> None:
        self.inner = reader

    def read(self, size: int) -> bytes:
        try:
            content: bytes = self.inner.read(size)
        except ParseException as error:
            # Only now is it sure that everything is patched.
            from werkzeug.exceptions import BadRequest

            raise BadRequest("The chunks of this request can't be read.") from error
        return content


def _refuse_slow_body() -> NoReturn:
    # Only now is it sure that everything is patched. An OSError would be taken for a client that has gone.
    from werkzeug.exceptions import RequestTimeout

    raise RequestTimeout


def _is_unread(body: Any) -> bool:
    """Whether so much of a body is missing that its connection cannot be used again."""
    reader = body.reader.inner
    is_long = reader.parser is not None if isinstance(reader, ChunkedReader) else getattr(reader, "length", 0) > SMALL_BODY
    return body.failed or is_long


def _drain(sock: Any) -> None:
    deadline, bytes_left = time.monotonic() + DRAIN_SECONDS, DRAIN_BYTES
    with suppress(OSError):
        sock.shutdown(socket.SHUT_WR)
        while bytes_left > 0 and (seconds := deadline - time.monotonic()) > 0:
            sock.settimeout(seconds)
            if not (dropped := sock.recv(65_536)):
                return
            bytes_left -= len(dropped)
