"""Slow, idle or too many connections are closed, and other clients are still served."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from tests.support import standstill
from tests.support.marks import few_of
from tests.support.server import Server, prepared
from tests.support.starved import watched
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

FORM = "Content-Type: application/x-www-form-urlencoded\r\nSec-Fetch-Site: same-origin\r\n"
MOST = 60
# How long pages are requested while slow connections are open.
BESIDE_SECONDS = 3
PIECE = b"a" * 60_000
# Descriptors that the server opens for its own use during a test: a few connections to its database.
OTHERS = 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with prepared(tmp_path_factory.mktemp("server")) as server:
        server.start()
        yield server


@pytest.fixture
def dial(server: Server) -> Iterator[Callable[..., socket.socket]]:
    """Opens connections from any loopback address; all are closed at the end of the test."""
    before = descriptors(server)
    with ExitStack() as stack:
        yield lambda source="127.0.0.1": stack.enter_context(dialled(server, source))
    # If their slots were still taken, the server would close the connection that waits longest: that of the next test.
    until(lambda: descriptors(server) <= before + OTHERS, "the connections are gone")


def descriptors(server: Server) -> int:
    return len(os.listdir(f"/proc/{server.worker_pids[0]}/fd"))


@contextmanager
def dialled(server: Server, source: str = "127.0.0.1") -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30, source_address=(source, 0)) as connection:
        yield connection


def told(server: Server, line: str, *, headers: str = "", source: str = "127.0.0.1") -> str:
    """Returns the response to a request without a body."""
    with dialled(server, source) as connection:
        connection.sendall(f"{line} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nConnection: close\r\n{headers}\r\n".encode())
        return all_of(connection)


def all_of(connection: socket.socket) -> str:
    parts = []
    # Data that arrives too late to be read is answered with a TCP reset after the response.
    with suppress(ConnectionResetError):
        while part := connection.recv(65_536):
            parts.append(part)
    return b"".join(parts).decode()


def head(server: Server, path: str, headers: str) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n{FORM}{headers}\r\n".encode()


def test_slow_connections_get_their_time_and_no_more(server: Server, dial: Callable[..., socket.socket]) -> None:
    """Runs all checks concurrently, as each waits for many seconds."""
    checks: list[Callable[[socket.socket], None]] = [
        partial(never_ends, head=head(server, "/login", "Content-Length: 1000\r\n"), crumb=b"a"),
        partial(never_ends, head=head(server, "/login", "Transfer-Encoding: chunked\r\n"), crumb=b"1\r\na\r\n"),
        partial(asks_for_nothing, beginning=b""),
        partial(asks_for_nothing, beginning=b"GET / HTTP/1.1\r\nHost: "),
        partial(keeps_its_pace, head=head(server, "/login", f"Content-Length: {14 * len(PIECE)}\r\n")),
    ]
    with ThreadPoolExecutor(len(checks)) as pool:
        for checked in [pool.submit(check, dial()) for check in checks]:
            checked.result()


def never_ends(connection: socket.socket, head: bytes, crumb: bytes) -> None:
    """A body that never ends is refused, and its connection closed."""
    is_over, began = threading.Event(), time.monotonic()
    connection.sendall(head)

    def trickle() -> None:
        with suppress(OSError):
            while not is_over.wait(1):
                connection.sendall(crumb)

    sender = threading.Thread(target=trickle)
    sender.start()
    try:
        answer = all_of(connection)
    finally:
        is_over.set()
        sender.join()

    assert answer.startswith("HTTP/1.1 408 ")
    assert "Connection: close" in answer
    assert "took too long to arrive" in answer
    assert 8 < time.monotonic() - began < 60


def asks_for_nothing(connection: socket.socket, beginning: bytes) -> None:
    """A connection without a complete request is closed."""
    connection.sendall(beginning)

    assert all_of(connection) == ""


def keeps_its_pace(connection: socket.socket, head: bytes) -> None:
    """A body that arrives at a steady pace is given more time."""
    began = time.monotonic()
    connection.sendall(head)
    for _ in range(14):
        connection.sendall(PIECE)
        time.sleep(0.9)
    connection.settimeout(60)

    assert time.monotonic() - began > 12
    assert not connection.recv(100).startswith(b"HTTP/1.1 408 ")


def test_one_connection_too_many_is_told_so(server: Server, dial: Callable[..., socket.socket]) -> None:
    for _ in range(MOST):
        dial("127.0.0.5").sendall(head(server, "/login", "Content-Length: 10\r\n"))
    refused = told(server, "GET /healthz", source="127.0.0.5")

    assert refused.startswith("HTTP/1.1 429 ")
    assert "Retry-After: 5" in refused
    assert "too many open connections" in refused
    assert "200 OK" in told(server, "GET /healthz", source="127.0.0.6")


def test_the_number_of_connections_is_a_setting(server: Server, dial: Callable[..., socket.socket]) -> None:
    server.set(limits__connections_per_address="0")
    until(lambda: open_at_once(server, 2 * MOST), "the setting is heard")

    server.set(limits__connections_per_address=str(MOST))
    until(lambda: not open_at_once(server, 2 * MOST), "the setting is heard")


def open_at_once(server: Server, count: int) -> bool:
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(dialled(server, "127.0.0.7")).sendall(head(server, "/login", "Content-Length: 10\r\n"))
        # A connection that is refused before its request was read completely is reset.
        with suppress(ConnectionResetError):
            return "200 OK" in told(server, "GET /healthz", source="127.0.0.7")
        return False


@pytest.mark.parametrize("addresses", few_of([42, 1]))
def test_two_thousand_slow_bodies_leave_room_for_others(
    server: Server, dial: Callable[..., socket.socket], addresses: int
) -> None:
    slow = []
    for place in range(2100):
        slow.append(dial(f"127.0.1.{1 + place % addresses}"))
        slow[-1].setblocking(False)
        slow[-1].send(head(server, "/login", "Content-Length: 1000\r\n"))
    began, waits = time.monotonic(), []
    with watched(server.worker_pids[0]) as starved:
        while time.monotonic() - began < BESIDE_SECONDS:
            asked = time.monotonic()
            assert "200 OK" in told(server, "GET /login", source="127.0.2.1")
            answered = time.monotonic()
            waits.append(answered - asked - standstill.seconds(asked, answered) - starved.seconds(asked, answered))

    print(f"{len(waits)} pages beside {len(slow)} slow bodies of {addresses} addresses: at most {max(waits) * 1000:.0f} ms")
    assert max(waits) < 5


@pytest.mark.parametrize("headers", [f"Content-Length: {2**30}\r\n", "Transfer-Encoding: chunked\r\n"])
def test_a_body_that_is_too_large_is_answered_and_the_connection_closed(
    server: Server, dial: Callable[..., socket.socket], headers: str
) -> None:
    connection, began = dial(), time.monotonic()
    connection.sendall(head(server, "/login", headers))
    if "chunked" in headers:
        connection.sendall(b"800000\r\n" + b"a" * 0x800000 + b"\r\n")
    answer = all_of(connection)

    assert answer.startswith(("HTTP/1.1 413 ", "HTTP/1.1 403 "))
    assert "Connection: close" in answer
    assert time.monotonic() - began < 30


def test_behind_a_proxy_the_requests_of_each_address_are_counted(tmp_path: Path) -> None:
    with prepared(tmp_path / "proxied", TRUSTED_PROXIES="127.0.0.1") as server, ExitStack() as stack:
        server.start()
        for _ in range(MOST):
            slow = stack.enter_context(dialled(server))
            slow.sendall(head(server, "/login", "Content-Length: 10\r\nX-Forwarded-For: 203.0.113.9\r\n"))
        until(lambda: "429" in told(server, "GET /login", headers="X-Forwarded-For: 203.0.113.9\r\n")[:20], "they are counted")

        assert "200 OK" in told(server, "GET /login", headers="X-Forwarded-For: 203.0.113.10\r\n")
