"""Requests that a proxy and this server could read differently: each is refused, and its connection closed."""

import socket
from collections.abc import Iterator

import pytest

from tests.support.server import Server, prepared

pytestmark = pytest.mark.slow
POST, CHUNKED = "POST /login HTTP/1.1\r\n", "Transfer-Encoding: chunked\r\n"
SECOND = "GET /healthz HTTP/1.1\r\nHost: HOST\r\n\r\n"
HEADS = {
    "a length beside chunks": f"{POST}Host: HOST\r\nContent-Length: 4\r\n{CHUNKED}\r\n0\r\n\r\n{SECOND}",
    "another encoding": f"{POST}Host: HOST\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{SECOND}",
    "a blank before the colon": f"{POST}Host: HOST\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n{SECOND}",
    "two lengths": f"{POST}Host: HOST\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx{SECOND}",
    "a length with a sign": f"{POST}Host: HOST\r\nContent-Length: +1\r\n\r\nx{SECOND}",
    "a length with an underscore": f"{POST}Host: HOST\r\nContent-Length: 1_0\r\n\r\nx{SECOND}",
    "lines without returns": "GET /login HTTP/1.1\nHost: HOST\n\n" + SECOND,
    "a folded line": f"GET /login HTTP/1.1\r\nHost: HOST\r\nX: a\r\n b\r\n\r\n{SECOND}",
    "a zero in a header": f"GET /login HTTP/1.1\r\nHost: HOST\r\nX: a\0b\r\n\r\n{SECOND}",
    "two hosts": f"GET /login HTTP/1.1\r\nHost: HOST\r\nHost: evil.example\r\n\r\n{SECOND}",
    "a host with a user": f"GET /login HTTP/1.1\r\nHost: HOST@evil.example\r\nConnection: close\r\n\r\n{SECOND}",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with prepared(tmp_path_factory.mktemp("server")) as server:
        server.start()
        yield server


@pytest.mark.parametrize("name", HEADS)
def test_it_is_refused_and_nothing_after_it_is_answered(server: Server, name: str) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(HEADS[name].replace("HOST", f"127.0.0.1:{server.port}").encode())
        told = b"".join(iter(lambda: connection.recv(65_536), b""))

    assert told.startswith((b"HTTP/1.1 400", b"HTTP/1.1 501"))
    assert told.count(b"HTTP/1.1 ") == 1
