"""The gevent worker of gunicorn, in which slow, idle or excess connections do not take slots from others.

gunicorn imports this module before monkey patching, so the application and all libraries are imported later.
"""

import math
import os
import socket
import time
from collections.abc import Collection
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NoReturn, cast

import gevent
from gevent import monkey
from gevent.server import StreamServer
from gunicorn.http.body import ChunkedReader
from gunicorn.http.errors import ParseException
from gunicorn.workers.ggevent import GeventWorker

from webapp.base.heavy.turns import TimeSlice, TurnQueue, give_way
from webapp.base.process.patching import patch_all
from webapp.web.server.connection_limiter import ClientConnection

if TYPE_CHECKING:
    from flask import Flask

# How long the server waits for a body in total: this many seconds, plus the time that the received bytes take at this speed.
BODY_SECONDS, BODY_BYTES_PER_SECOND = 10.0, 50_000
# With fewer unread bytes of a body than this, the connection can be reused.
SMALL_BODY = 65_536
# Closing a socket with unread data resets the connection and discards the response, so part of the data is read first.
DRAIN_SECONDS, DRAIN_BYTES = 2.0, 2**24
# A connection above the limit of its address is served as far as its caller turns out to be signed in. Above this number of
# them, of one address and of all, connections are closed without a response.
MOST_EXCESS_EACH, MOST_EXCESS = 60, 300
# How long the server waits for the head of the first request, and on a connection above the limit.
HEAD_SECONDS, EXCESS_HEAD_SECONDS = 5.0, 2.0
# An address at its limit gets a new connection in place of one that has been unused for so long.
IDLE_SECONDS = 5.0
# With a larger share of the slots in use, each new connection closes the one that has waited longest for its client.
CROWDED = 0.9
# At a stop, all connected clients have sent their requests if nothing has come for so long.
QUIET_SECONDS = 0.1


class ServingWorker(GeventWorker):  # type: ignore[misc]
    """Limits the connections of each address, sets a deadline for bodies, and closes idle connections when slots are scarce."""

    def patch(self) -> None:
        patch_all()
        super().patch()

    def load_wsgi(self) -> None:
        super().load_wsgi()
        # Imported this late because monkey patching is done by now.
        from webapp.web.server.proxies import LIMITER, PROXIES

        app = cast("Flask", self.wsgi)
        self._limiter, self._proxies = LIMITER.of(app), PROXIES.of(app)
        self._open = 0
        # Connections above the limit of their address.
        self._excess = set[ClientConnection]()
        # How long to wait for a head, by the greenlet of a connection whose first request has not begun.
        self._head_seconds: dict[Any, float] = {}
        # Sockets between two requests, with the time since when, and their connections.
        self._idle: dict[Any, tuple[float, ClientConnection]] = {}
        # Sockets waiting for data from the client, with the time since when.
        self._waiting: dict[Any, float] = {}
        # Sockets whose client has disconnected: their slots become free as soon as their greenlets have run.
        self._left: set[Any] = set()
        # Sockets with a request that has begun.
        self._in_request = set[Any]()
        self._servers: list[StreamServer] = []
        self._is_stopping = False

    # The base asks it for a server; the one that the base makes could not be closed from here.
    def server_class(self, listener: Any, *, spawn: Any, **_: Any) -> StreamServer:
        server = StreamServer(listener, handle=partial(self.handle, _Listener(listener.getsockname())), spawn=spawn)
        if self.cfg.workers > 1:
            server.max_accept = 1
        self._servers.append(server)
        return server

    def answer_and_close(self, seconds: float, *, but: Collection[Any] = ()) -> None:
        """Accepts no more connections, and waits at most so long until all requests are answered `but` those of these sockets.

        Then it closes the connections without a request. A proxy sends on the connections that it has until each has been
        answered with `Connection: close`, and new ones are refused: it takes both as a reason to ask another server.
        """
        self._is_stopping = True
        for server in self._servers:
            server.stop_accepting()
            # The kernel resets those that it has accepted and we haven't.
            while accepted := server.do_read():
                server.do_handle(*accepted)
            server.close()
        is_connected = any(server.pool for server in self._servers)
        self.wait_answered(seconds, but=but, quiet_seconds=QUIET_SECONDS if is_connected else 0)
        for sock in self._waiting.keys() - self._in_request:
            _end(sock)

    def wait_answered(self, seconds: float, *, but: Collection[Any] = (), quiet_seconds: float = 0) -> None:
        """Waits, at most so long, until there has been no request for `quiet_seconds` but those of these sockets."""
        began = quiet_since = now = time.monotonic()
        requests = self.nr
        while now - began < seconds:
            if requests != self.nr or self._in_request.difference(but):
                requests, quiet_since = self.nr, now
            elif now - quiet_since >= quiet_seconds:
                return
            gevent.sleep(0.01)
            now = time.monotonic()

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        if self._proxies.is_proxy(addr[0]):
            self._serve(listener, client, addr)
            return
        with self._limiter.entered(addr[0], client) as connection:
            if connection.is_excess:
                self._close_idle(connection.address)
                self._limiter.count(connection)
            if connection.is_excess:
                self._serve_excess(listener, client, addr, connection)
            else:
                self._serve(listener, client, addr)

    # gunicorn's stubs say that the base returns nothing.
    def timeout_ctx(self) -> gevent.Timeout:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Limits the wait for the head of a request."""
        seconds = self._head_seconds.get(gevent.getcurrent(), self.cfg.keepalive)
        return gevent.Timeout(seconds, False)  # pyright: ignore[reportArgumentType]

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> Any:
        connection = self._limiter.connection_of({"gunicorn.socket": sock})
        self._head_seconds.pop(gevent.getcurrent(), None)
        self._idle.pop(sock, None)
        self._waiting.pop(sock, None)
        self._in_request.add(sock)
        _requests.enter()
        req.unreader.sock, req.body.reader = _PacedSocket(sock, self._waiting, self._left), _RefusingReader(req.body.reader)
        closes = req.should_close
        # As the head of the response has said it, even if a stop begins before its end.
        is_last = cache(lambda: self._is_stopping)
        req.should_close = lambda: closes() or is_last() or _is_unread(req.body) or bool(connection and connection.is_excess)
        try:
            return super().handle_request(listener_name, req, sock, addr)
        finally:
            self._in_request.discard(sock)
            req.unreader.sock = sock
            if _is_unread(req.body) or (connection and connection.is_excess):
                _drain(sock)
            if sock not in self._left:
                self._waiting[sock] = time.monotonic()
                if connection:
                    self._idle[sock] = time.monotonic(), connection
            # The next request can have arrived already, or a thousand pipelined ones: without this, reading them would never
            # yield.
            give_way()

    def _serve(self, listener: Any, client: Any, addr: Any, head_seconds: float = HEAD_SECONDS) -> None:
        self._make_room()
        self._open += 1
        self._waiting[client] = time.monotonic()
        self._head_seconds[gevent.getcurrent()] = head_seconds
        try:
            super().handle(listener, client, addr)
        finally:
            self._open -= 1
            self._waiting.pop(client, None)
            self._idle.pop(client, None)
            self._head_seconds.pop(gevent.getcurrent(), None)
            self._left.discard(client)

    def _serve_excess(self, listener: Any, client: Any, addr: Any, connection: ClientConnection) -> None:
        # Without those on which a caller has signed in meanwhile.
        self._excess = {excess for excess in self._excess if excess.is_excess}
        own = sum(other.address == connection.address for other in self._excess)
        if own >= MOST_EXCESS_EACH or len(self._excess) >= MOST_EXCESS:
            client.close()
            return
        self._excess.add(connection)
        try:
            self._serve(listener, client, addr, EXCESS_HEAD_SECONDS)
        finally:
            self._excess.discard(connection)

    def _close_idle(self, address: str) -> None:
        """Closes the connection of this address that has been unused the longest, if one has been for a while."""
        unused = [(since, sock) for sock, (since, connection) in self._idle.items() if connection.is_counted_as(address)]
        since, longest = min(unused, key=itemgetter(0), default=(math.inf, None))
        if longest and time.monotonic() - since >= IDLE_SECONDS:
            # Its greenlet ends later.
            self._idle.pop(longest)[1].leave()
            _end(longest)

    def _make_room(self) -> None:
        # Does not count disconnected clients: when many leave at the same time, the connections of others must stay open.
        if self._waiting and self._open - len(self._left) >= CROWDED * self.worker_connections:
            longest = min(self._waiting, key=self._waiting.__getitem__)
            del self._waiting[longest]
            _end(longest)


@dataclass(frozen=True, slots=True)
class _Listener:
    """The address of a socket that may have been closed before a request on one of its connections begins."""

    name: Any

    def getsockname(self) -> Any:
        return self.name


class _PacedSocket:
    """The socket that a body is read from; it times out if the client takes too long in total."""

    def __init__(self, sock: Any, waiting: dict[Any, float], left: set[Any]) -> None:
        self._sock, self._waiting, self._left = sock, waiting, left
        self._since, self._seconds_left = time.monotonic(), BODY_SECONDS
        self._slice = TimeSlice(give_way)

    def recv(self, size: int) -> bytes:
        # Data that has already arrived is read without yielding, and a body can consist of a million chunks.
        self._slice.check()
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

    @contextmanager
    def _as_waiting(self) -> Any:
        self._waiting[self._sock] = self._since
        self._sock.settimeout(max(0.001, self._seconds_left))
        try:
            yield
        finally:
            self._waiting.pop(self._sock, None)
            self._sock.settimeout(None)
            _requests.enter()


# The event loop resumes all ready sockets, and all that waited too long, in one turn: sixty pages would block it for a second.
_requests = TurnQueue()


class _RefusingReader:
    """Reads a body; malformed chunks are the client's error (400), not an internal one."""

    def __init__(self, reader: Any) -> None:
        self.inner = reader

    def read(self, size: int) -> bytes:
        try:
            content: bytes = self.inner.read(size)
        except ParseException as error:
            # Imported this late because monkey patching is done by now.
            from werkzeug.exceptions import BadRequest

            raise BadRequest("The chunks of this request can't be read.") from error
        return content


def _refuse_slow_body() -> NoReturn:
    # Imported this late because monkey patching is done by now. An OSError would be treated as a disconnected client.
    from werkzeug.exceptions import RequestTimeout

    raise RequestTimeout


def _is_unread(body: Any) -> bool:
    """Returns whether too much of a body is unread to reuse the connection."""
    reader = body.reader.inner
    is_long = reader.parser is not None if isinstance(reader, ChunkedReader) else getattr(reader, "length", 0) > SMALL_BODY
    return body.failed or is_long


def _end(sock: Any) -> None:
    """Ends a connection for the greenlet that waits for its client, as if the client had left.

    gevent's own `shutdown` would raise in that greenlet an error that is logged as one of ours.
    """
    with suppress(OSError), monkey.get_original("socket", "socket")(fileno=os.dup(sock.fileno())) as same:
        same.shutdown(socket.SHUT_RDWR)


def _drain(sock: Any) -> None:
    deadline, bytes_left = time.monotonic() + DRAIN_SECONDS, DRAIN_BYTES
    with suppress(OSError):
        sock.shutdown(socket.SHUT_WR)
        while bytes_left > 0 and (seconds := deadline - time.monotonic()) > 0:
            sock.settimeout(seconds)
            if not (dropped := sock.recv(65_536)):
                return
            bytes_left -= len(dropped)
