"""The health check of containers queries the server in the same container, whichever addresses it listens on."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from webapp.operations.starting import healthy


class Ready(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/readyz" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    """A server that listens on every address of this machine."""
    with HTTPServer(("0.0.0.0", 0), Ready) as made:
        thread = Thread(target=made.serve_forever)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1"])
def test_who_is_ready_is_healthy(server: HTTPServer, host: str, monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("HOST", host)
    monkeypatch.setenv("PORT", str(server.server_port))
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    assert healthy.main() == 0


def test_where_nobody_answers_nobody_is(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    # No server listens on port 1: ports below 1024 are privileged.
    monkeypatch.setenv("PORT", "1")
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    assert healthy.main() == 1
