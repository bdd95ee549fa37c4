"""Networks between a client and a server: one that cuts what is sent into segments, one that delays it.

A server that sends without delay begins a segment with each of its writes. How many of them this process reads at once depends on
the machine, so writes are told apart by HTTP: the head of a response, and each of its chunks.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import takewhile
from typing import IO
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
        for socket_ in (client, upstream):
            socket_.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        asking = gevent.spawn(_asked, client, upstream)
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
    with suppress(OSError):
        for content in _writes(upstream.makefile("rb")):
            arrived.put((content, gevent.get_hub().loop.now()))
    arrived.put((b"", 0))


def _writes(responses: IO[bytes]) -> Iterator[bytes]:
    """Yields each write of the server, until it closes the connection."""
    while head := b"".join(takewhile(lambda line: line != b"\r\n", iter(responses.readline, b""))):
        yield head + b"\r\n"
        if length := re.search(rb"(?i)content-length: (\d+)", head):
            yield responses.read(int(length[1]))
        elif b"chunked" in head.lower():
            size = b"not the last"
            while size and size != b"0\r\n":
                size = responses.readline()
                yield size + (responses.read(int(size, 16) + 2) if size else b"")
