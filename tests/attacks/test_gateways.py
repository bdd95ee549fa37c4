"""A gateway's many connections from one address, beside the limit for connections without a signed-in caller."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest

from tests.attacks.test_connection_limiter import all_of, dialled, head, told
from tests.support.server import Server, prepared
from tests.support.waiting import until
from tests.upstream.handle import Upstream
from webapp.web.server.worker import MOST_EXCESS_EACH

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

MOST, MANY = 60, 120
SITE = "https://app.example.org"
# Each test has an address of its own: the connections of another may not all be over.
ADDRESSES = (f"127.0.5.{number}" for number in range(1, 255))
Dial = Callable[..., socket.socket]


@pytest.fixture(scope="module")
def server(fake_process: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    environ = {**fake_process.environ, "MAX_STREAMS": str(MANY), "CORS_ORIGINS": SITE}
    with prepared(tmp_path_factory.mktemp("server"), **environ) as server:
        server.start()
        yield server


@pytest.fixture
def dial(server: Server) -> Iterator[Dial]:
    here = next(ADDRESSES)
    with ExitStack() as stack:
        yield lambda source=here: stack.enter_context(dialled(server, source))


@pytest.fixture(scope="module")
def gateway(server: Server) -> str:
    server.flask("users", "add", "gateway@example.org", "--password-stdin", said="a quiet river at night\n")
    many = str(MANY)
    limits = "--gateway", "--per-minute", "0", "--at-once", many, "--streams", many
    return server.flask("tokens", "add", "gateway@example.org", "--name", "gateway", "--scopes", "read,chat", *limits).strip()


def asking(server: Server, token: str) -> bytes:
    body = json.dumps({"model": "some/model", "stream": True, "messages": [{"role": "user", "content": "Count"}]})
    lines = [
        "POST /v1/chat/completions HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        f"Authorization: Bearer {token}",
        "Content-Type: application/json",
        "Connection: close",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", body]).encode()


def flood(server: Server, dial: Dial) -> None:
    """Takes all connections that the address can have, with requests that never end."""
    for _ in range(MOST):
        dial().sendall(head(server, "/login", "Content-Length: 10\r\n"))


def is_alive(connection: socket.socket) -> bool:
    """Reads the response of /healthz, whose head and body can arrive separately."""
    received = b""
    while not received.endswith(b'{"status":"ok"}\n') and (part := connection.recv(65_536)):
        received += part
    return received.startswith(b"HTTP/1.1 200 ")


def test_a_gateways_connections_are_its_own_and_a_flood_is_refused(
    server: Server, gateway: str, dial: Dial, fake: Upstream
) -> None:
    fake.counts(60, pace=0.05)
    connections = []
    for _ in range(MANY):
        connections.append(dial())
        connections[-1].sendall(asking(server, gateway))
    assert {connection.recv(12) for connection in connections} == {b"HTTP/1.1 200"}

    flood(server, dial)
    refused = dial()
    refused.sendall(f"GET /api/v1/me HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode())
    answer = all_of(refused)

    assert answer.startswith("HTTP/1.1 429 ")
    assert "Connection: close" in answer
    texts = [all_of(connection) for connection in connections]
    assert [text for text in texts if "w000060" not in text] == []


def test_its_connections_above_the_limit_of_its_address_are_not_limited_either(
    server: Server, gateway: str, dial: Dial, fake: Upstream
) -> None:
    fake.says("Fine.")
    flood(server, dial)
    for _ in range(MOST_EXCESS_EACH + 10):
        # Each stays open while the others are served.
        connection = dial()
        connection.sendall(asking(server, gateway).replace(b"Connection: close\r\n", b""))
        assert connection.recv(12) == b"HTTP/1.1 200"


def test_a_wrong_token_opens_no_door(server: Server, dial: Dial) -> None:
    flood(server, dial)
    connection = dial()
    connection.sendall(asking(server, "millrace_" + "a" * 43))
    assert all_of(connection).startswith("HTTP/1.1 429 ")


def test_the_refusal_reaches_its_client_also_before_the_request_was_read(server: Server, dial: Dial) -> None:
    flood(server, dial)
    connection, size = dial(), 2_000_000
    lines = ["POST /api/v1/chats HTTP/1.1", f"Host: 127.0.0.1:{server.port}", f"Origin: {SITE}", f"Content-Length: {size}"]
    connection.sendall("\r\n".join([*lines, "Content-Type: application/json", "", ""]).encode())
    with suppress(ConnectionResetError):
        connection.sendall(b" " * size)

    top, _, body = all_of(connection).partition("\r\n\r\n")

    assert top.startswith("HTTP/1.1 429 ")
    assert f"Access-Control-Allow-Origin: {SITE}" in top
    assert "Retry-After: 5" in top
    assert "application/problem+json" in top
    assert json.loads(body)["code"] == "too_many"


def test_a_connection_that_asks_for_nothing_keeps_its_place_above_the_limit_for_a_moment_only(server: Server, dial: Dial) -> None:
    flood(server, dial)
    silent = dial()
    assert all_of(silent) == ""


def test_an_unused_connection_makes_room_for_a_new_one(server: Server, dial: Dial) -> None:
    request = f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode()
    unused = []
    for _ in range(MOST):
        # Asks at once: one that waits with its first request is closed after a moment.
        unused.append(dial("127.0.0.8"))
        unused[-1].sendall(request)
        assert is_alive(unused[-1])

    until(lambda: "200 OK" in told(server, "GET /healthz", source="127.0.0.8"), "one has been unused for a while")
    # None of the others had to go.
    for connection in unused[-10:]:
        connection.sendall(request)
        assert is_alive(connection)
