"""HTTP requests whose every socket connects to an address that was checked."""

import re
import socket
import ssl
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import cache, lru_cache, partial
from http.client import HTTPResponse
from io import BufferedReader, RawIOBase
from queue import LifoQueue
from select import POLLIN
from time import monotonic
from typing import Any, cast

import certifi
import gevent
import requests
from gevent.monkey import get_original
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPResponse as Response, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import ssl_wrap_socket

from webapp.base.heavy.turns import TimeSlice, give_way
from webapp.models.upstream.addresses import Trust, is_allowed
from webapp.models.upstream.json_body import as_json
from webapp.models.upstream.multipart import Multipart
from webapp.streaming.failure import ProviderError

Resolved = tuple[int, int, int, str, tuple[Any, ...]]
# Takes host and port.
OpenSocket = Callable[[str, int], socket.socket]

SEND_SECONDS = 30.0
# How long a read must have blocked to count as a yield.
PAUSE_SECONDS = 0.0005
POOLS, POOL_SIZE = 20, 300
# The end of a chunk, and the next with its first byte, unless that is the last, whose trailers can be late.
NEXT_CHUNK = re.compile(rb"\r\n0*[1-9a-fA-F][^\n]*\n.", re.DOTALL)
MOST_ADDRESSES = 200
HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "Connection": "keep-alive", "User-Agent": "Millrace"}
OF_JSON, OF_FORM = {"Content-Type": "application/json"}, {"Content-Type": "application/x-www-form-urlencoded"}


class Sender:
    """Sends requests as they are, without a requests session, whose features are all unwanted.

    A `.netrc` would replace our Authorization header, proxies of the environment would be used even for loopback, cookies would
    be kept and redirects read.
    """

    def __init__(self, trust: Trust, tls: ssl.SSLContext | None, connect_seconds: float) -> None:
        open_socket = partial(connected, trust=trust, seconds=connect_seconds)
        self._adapter = Adapter(tls, open_socket)

    def send(self, request: requests.Request) -> requests.Response:
        """Sends a request; returns the reply once its headers have arrived."""
        prepared = requests.PreparedRequest()
        prepared.prepare_method(request.method)
        prepared.url = _address(str(request.url))
        prepared.prepare_headers({**HEADERS, **_kind(request), **request.headers})
        prepared.prepare_body(_content(request.json) or request.data, None)
        return self._adapter.send(prepared, stream=True, timeout=(SEND_SECONDS, None))

    def close(self) -> None:
        self._adapter.close()


def _kind(request: requests.Request) -> dict[str, str]:
    if isinstance(request.data, Multipart):
        return {"Content-Type": request.data.content_type}
    return OF_JSON if request.json is not None else OF_FORM if request.data else {}


def _content(value: Any) -> bytearray | None:
    try:
        return None if value is None else as_json(value)
    except ValueError as error:
        raise requests.exceptions.InvalidJSONError(error) from error


@lru_cache(maxsize=MOST_ADDRESSES)
def _address(url: str) -> str:
    """Returns the normalised URL, cached: the same few recur, and normalising one takes as long as the rest of a request."""
    prepared = requests.PreparedRequest()
    prepared.prepare_url(url, None)
    return str(prepared.url)


@cache
def tls_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


class Adapter(HTTPAdapter):
    """An adapter with one TLS context for all: loading the certificates again costs 15 ms of CPU per connection.

    They are loaded for the first https address, because they take 2 MB.
    """

    def __init__(self, tls: ssl.SSLContext | None, open_socket: OpenSocket) -> None:
        self._tls = tls
        super().__init__(pool_connections=POOLS, pool_maxsize=POOL_SIZE)
        pools = {"http": partial(Pool, open_socket=open_socket), "https": partial(SecurePool, open_socket=open_socket)}
        self.poolmanager.pool_classes_by_scheme = pools

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        where, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        if where["scheme"] != "https":
            return where, {}
        return where, {"ssl_context": self._tls or tls_context()}


class Turns(RawIOBase):
    """Reads what a server sends, yielding to other greenlets at intervals.

    Reading what has already arrived does not yield, so a server that never pauses, be it in its headers, its comments or its
    trailers, would block the whole process. `has_more` is set if the buffer had no room for all that had arrived.
    """

    def __init__(self, sock: socket.socket) -> None:
        # Keeps the socket open for the reply when the connection is closed.
        self._file = sock.makefile("rb", buffering=0)
        self._receive, self.has_more, self._is_silent = sock.recv_into, False, False
        # Not due at once: the first words would wait for all who read at the moment.
        self.time_slice = TimeSlice(give_way)
        self._tls = sock if isinstance(sock, ssl.SSLSocket) else None

    def makefile(self, _mode: str) -> BufferedReader:
        """Returns what a reply reads from; it takes this object for its socket."""
        return BufferedReader(self)

    def readable(self) -> bool:
        return True

    def buffered(self, reader: BufferedReader) -> bytes:
        """Returns what the buffer of a reader from here contains, without reading more."""
        self._is_silent = True
        try:
            return reader.peek()
        finally:
            self._is_silent = False

    def readinto(self, buffer: Any) -> int | None:
        if self._is_silent:
            return None
        count = self._read(buffer)
        if self._tls and count:
            count += self._records(self._tls, memoryview(buffer)[count:])
        self.has_more = count == len(buffer)
        return count

    def _read(self, buffer: Any) -> int:
        began = self.time_slice.check()
        # Bypasses the file object in between, which checks at each read whether the socket is readable.
        count: int = self._receive(buffer)
        if monotonic() - began > PAUSE_SECONDS:
            self.time_slice.begin()
        return count

    def _records(self, tls: ssl.SSLSocket, room: memoryview) -> int:
        """Fills the buffer with what else has arrived: a read returns one TLS record, and every token arrives as one."""
        filled, seconds = 0, tls.gettimeout()
        tls.settimeout(0)
        try:
            while filled < len(room) and (count := tls.recv_into(room[filled:])):
                filled += count
        except OSError:
            # Nothing more has arrived; the next read will raise any other error.
            pass
        finally:
            tls.settimeout(seconds)
        return filled

    def close(self) -> None:
        self._file.close()
        super().close()


class SocketReply(HTTPResponse):
    """A reply that is read with yields from status line to last trailer; chunks that arrived together are read together."""

    def __init__(self, turns: Turns, **options: Any) -> None:
        super().__init__(cast(socket.socket, turns), **options)
        self.turns = turns

    def read1(self, n: int = -1) -> bytes:
        """Returns what has arrived of the body, as soon as there is some."""
        content = super().read1(n)
        if not self.chunked or not content:
            return content
        parts = [content]
        # Without a byte of the next chunk, reading would wait for it.
        while NEXT_CHUNK.match(self.turns.buffered(self.fp)):
            parts.append(super().read1(n))
        return b"".join(parts)


class SocketConnection(HTTPConnection):
    """A connection whose socket is opened by `open_socket`; `reply` is its last one."""

    response_class: Any
    reply: SocketReply

    def __init__(self, *args: Any, open_socket: OpenSocket, **options: Any) -> None:
        super().__init__(*args, **options)
        self._open_socket = open_socket

    def connect(self) -> None:
        self.sock = self._open_socket(self.host, self.port or self.default_port)

    def getresponse(self) -> Response:  # type: ignore[override]
        self.response_class = self._reply
        return super().getresponse()

    def _reply(self, sock: socket.socket, **options: Any) -> SocketReply:
        self.reply = SocketReply(Turns(sock), **options)
        return self.reply

    @property
    def is_connected(self) -> bool:
        """Returns whether the server has kept the connection open and has sent nothing.

        Uses the system's poll: gevent's would yield, and a greenlet killed at that moment would lose the connection.
        """
        if self.sock is None:
            return False
        poll = get_original("select", "poll")()
        poll.register(self.sock, POLLIN)
        return not poll.poll(0)


class SecureConnection(SocketConnection, HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        # A name in a certificate has neither the brackets nor the zone of an IPv6 address.
        name = self.host.strip("[]").partition("%")[0]
        self.sock = ssl_wrap_socket(self.sock, ssl_context=self.ssl_context, server_hostname=name)
        self.is_verified = True


class KeptConnections(LifoQueue[Any]):
    """Keeps only connections that are open and silent.

    One that was shut down in the middle of its trailers looks like a complete reply, and its server can still be sending.
    """

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        if item is not None and not item.is_connected:
            item.close()
        super().put(item, block, timeout)


class Pool(HTTPConnectionPool):
    ConnectionCls, QueueCls = SocketConnection, KeptConnections


class SecurePool(HTTPSConnectionPool):
    ConnectionCls, QueueCls = SecureConnection, KeptConnections


def reply_of(response: requests.Response) -> SocketReply:
    """Returns the reply below that of urllib3, as long as nothing of its body has been read."""
    return cast(SocketConnection, response.raw.connection).reply


def connected(host: str, port: int, trust: Trust, seconds: float) -> socket.socket:
    """Returns a socket to an address that was checked; DNS and all attempts share one timeout."""
    with gevent.Timeout(
        seconds, ProviderError("stall", f"{host} couldn't be reached in time.", retryable=True, of_connection=True)
    ):
        addresses = _resolved(host, port)
        if not all(is_allowed(address[4][0], trust) for address in addresses):
            words = f"{host} is an address that Millrace isn't allowed to use."
            raise ProviderError("invalid", words, of_connection=True)
        return _first_open(addresses, host)


class RefusedAddress(ProviderError):
    """Raised when no address of a server accepts a connection."""

    def __init__(self, host: str) -> None:
        words = f"{host} refused the connection. Is it running, and is the port correct?"
        super().__init__("error", words, retryable=True, of_connection=True)


def _resolved(host: str, port: int) -> list[Resolved]:
    name, look_up = host.strip("[]"), get_original("socket", "getaddrinfo")
    # A literal IP address needs no thread for a DNS query.
    with suppress(socket.gaierror, UnicodeError):
        return list(look_up(name, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST))
    try:
        return list(socket.getaddrinfo(name, port, type=socket.SOCK_STREAM))
    except (socket.gaierror, UnicodeError) as error:
        is_passing = getattr(error, "errno", None) == socket.EAI_AGAIN
        words = f"The host {host} can't be found. Check the address."
        raise ProviderError("error", words, retryable=is_passing, of_connection=True) from error


def _first_open(addresses: list[Resolved], host: str) -> socket.socket:
    refusal: OSError | None = None
    for family, kind, protocol, _, address in addresses:
        with ExitStack() as undo:
            sock = undo.enter_context(socket.socket(family, kind, protocol))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                sock.connect(address)
            except OSError as error:
                refusal = error
                continue
            sock.settimeout(SEND_SECONDS)
            undo.pop_all()
            return sock
    raise RefusedAddress(host) from refusal
