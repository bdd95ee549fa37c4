"""Networks between a client and a server: one that cuts what is sent into segments, one that delays it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from urllib.parse import urlsplit

import gevent
from gevent import socket
from gevent.queue import Queue
from gevent.server import StreamServer

# What a TCP segment holds on Ethernet, less some options and the header of a tunnel.
SEGMENT_BYTES = 1_400
# Long enough for a client on the same machine to read the segments one by one.
APART_SECONDS = 0.001
DELAY_SECONDS = 0.08
READ_BYTES = 65_536
Deliver = Callable[[socket.socket, bytes, float], None]


@contextmanager
def between(url: str, deliver: Deliver) -> Iterator[str]:
    """Yields the address at which the server is reached through a network that delivers its bytes in this way."""
    where = urlsplit(url)
    assert where.hostname
    assert where.port
    server = StreamServer(("127.0.0.1", 0), partial(_joined, (where.hostname, where.port), deliver))
    server.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.stop(timeout=0)


def in_segments(client: socket.socket, content: bytes, _read_at: float) -> None:
    """Sends each segment by itself, so that the client reads them apart."""
    for start in range(0, len(content), SEGMENT_BYTES):
        client.sendall(content[start : start + SEGMENT_BYTES])
        gevent.sleep(APART_SECONDS)


def with_delay(client: socket.socket, content: bytes, read_at: float) -> None:
    """Sends what was read some time ago."""
    gevent.sleep(max(0, read_at + DELAY_SECONDS - gevent.get_hub().loop.now()))
    client.sendall(content)


NETWORKS: dict[str, Deliver] = {"in segments": in_segments, "with delay": with_delay}


def _joined(server: tuple[str, int], deliver: Deliver, client: socket.socket, _address: object) -> None:
    with client, socket.create_connection(server) as upstream:
        for each in (client, upstream):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        asking = gevent.spawn(_asked, client, upstream)
        # Read at once, however slowly it is delivered: what the server sends apart arrives apart.
        arrived: Queue[tuple[bytes, float]] = Queue()
        reading = gevent.spawn(_read, upstream, arrived)
        try:
            with suppress(OSError):
                while (found := arrived.get())[0]:
                    deliver(client, *found)
        finally:
            gevent.killall([asking, reading])


def _asked(client: socket.socket, upstream: socket.socket) -> None:
    """Passes on what the client sends; a client that has left ends the connection to the server too."""
    with suppress(OSError):
        while content := client.recv(READ_BYTES):
            upstream.sendall(content)
        upstream.shutdown(socket.SHUT_RDWR)


def _read(upstream: socket.socket, arrived: "Queue[tuple[bytes, float]]") -> None:
    content = b"nothing yet"
    while content:
        try:
            content = upstream.recv(READ_BYTES)
        except OSError:
            content = b""
        arrived.put((content, gevent.get_hub().loop.now()))
