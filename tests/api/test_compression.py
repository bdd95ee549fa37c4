"""JSON is compressed for programs that accept it, and never next to the secrets of a browser."""

import gzip
import json

import pytest

from tests.api.client import Client
from tests.support.browser import Browser
from tests.support.turns import nobody_waits
from webapp.web.compression import LEAST_BYTES, gzipped


@pytest.mark.parametrize(
    ("accepted", "is_compressed"),
    [
        ("gzip", True),
        ("br, gzip;q=0.5", True),
        ("GZIP, deflate", True),
        ("*", True),
        ("gzip, identity", True),
        ("", False),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("identity, gzip;q=0.5", False),
    ],
)
def test_it_is_compressed_as_asked(program: Client, accepted: str, is_compressed: bool) -> None:
    for path in ("/capabilities", "/openapi.json"):
        answer = program.call("GET", path, Accept_Encoding=accepted)

        assert answer.headers.get("Content-Encoding") == ("gzip" if is_compressed else None)
        assert "Accept-Encoding" in answer.headers["Vary"]
        assert int(answer.headers["Content-Length"]) == len(answer.data)
        json.loads(gzip.decompress(answer.data) if is_compressed else answer.data)


def test_a_short_body_and_a_stream_stay_as_they_are(program: Client, fake) -> None:
    fake.says("x" * 4000)
    short = program.call("GET", "/me", Accept_Encoding="gzip")
    assert len(short.data) <= LEAST_BYTES
    assert "Content-Encoding" not in short.headers

    sent = {"messages": [{"role": "user", "content": "Hello"}], "stream": True}
    streamed = program.call("POST", "/v1/chat/completions", sent, Accept_Encoding="gzip")
    assert (streamed.mimetype, streamed.headers.get("Content-Encoding")) == ("text/event-stream", None)
    streamed.close()


def test_a_browser_with_a_cookie_gets_it_as_it_is(app, member: Browser) -> None:
    browser = Client(app, browser=member)
    assert "Content-Encoding" not in browser.call("GET", "/capabilities", Accept_Encoding="gzip").headers
    # The document of the API is the same for everyone.
    assert browser.call("GET", "/openapi.json", Accept_Encoding="gzip").headers["Content-Encoding"] == "gzip"


def test_the_document_is_sent_again_only_if_it_has_changed(nobody: Client) -> None:
    for accepted in ("gzip", ""):
        first = nobody.call("GET", "/openapi.json", Accept_Encoding=accepted)
        again = nobody.call("GET", "/openapi.json", Accept_Encoding=accepted, If_None_Match=first.headers["ETag"])
        assert (first.status_code, again.status_code, again.data) == (200, 304, b"")


def test_nobody_waits_for_a_long_body(app) -> None:
    content = json.dumps([f"{number:x}" * 9 for number in range(1_000_000)]).encode()
    with app.app_context(), nobody_waits():
        assert gzip.decompress(gzipped(content)) == content
