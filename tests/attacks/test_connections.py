"""What one connection can send without a pause: thousands of requests, bodies in the smallest chunks, invalid requests."""

import socket
from collections.abc import Iterator

import pytest

from tests.support.bystander import bystander
from tests.support.person import Person
from tests.support.server import Server, prepared
from tests.upstream.handle import Upstream

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
REQUESTS, CHUNKS = 2_000, 400_000
HEAD = (
    "POST /login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nSec-Fetch-Site: same-origin\r\n"
    "Transfer-Encoding: chunked\r\nContent-Type: {}\r\n\r\n"
)
FORM = HEAD.format("application/x-www-form-urlencoded").encode()
BROKEN = {
    "a size that is none": b"x\r\na\r\n0\r\n\r\n",
    "a size of a million digits": b"0" * 1_000_000,
    "an extension without an end": b"1;" + b"x" * 1_000_000,
    "no end of a chunk": b"1\r\nabc\r\n0\r\n\r\n",
    "trailers without an end": b"1\r\na\r\n0\r\n" + b"X: y\r\n" * 200_000,
}


@pytest.fixture(scope="module")
def server(fake_process: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with prepared(tmp_path_factory.mktemp("connections"), **fake_process.environ) as server:
        server.lift_limits()
        server.start()
        yield server


@pytest.fixture(scope="module")
def owner(server: Server) -> Person:
    return Person(server.url).become_owner(server.owner_link)


def replies(server: Server, sent: bytes) -> bytes:
    """Sends bytes, and returns all that arrives until the server closes, whether or not it has read everything."""
    received = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as client:
        try:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        try:
            while piece := client.recv(65_536):
                received += piece
        except ConnectionError:
            pass
    return received


def test_requests_sent_in_one_go_hold_nobody_up(server: Server, owner: Person, fake: Upstream) -> None:
    with bystander(server, fake, person=owner):
        said = replies(server, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * REQUESTS)

    assert said.count(b"HTTP/1.1 200 OK") == REQUESTS


def test_a_body_of_the_smallest_chunks_holds_nobody_up(server: Server, owner: Person, fake: Upstream) -> None:
    with bystander(server, fake, person=owner):
        said = replies(server, FORM + b"1\r\na\r\n" * CHUNKS + b"0\r\n\r\n")

    # It was read to its end: a form without a name and a password.
    assert said.startswith(b"HTTP/1.1 422 ")


def test_damaged_chunks_are_no_fault_of_ours(server: Server, owner: Person) -> None:
    for name, body in BROKEN.items():
        assert replies(server, FORM + body).startswith(b"HTTP/1.1 400 "), name
    assert "request_failed" not in server.log
