"""Proxy headers are trusted only from the configured addresses."""

from collections.abc import Callable, Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from tests.conftest import MakeApp
from tests.support.browser import Browser
from webapp.web.server.connection_limiter import ConnectionLimiter
from webapp.web.server.proxies import BehindProxies

PROXY, INNER, VISITOR, LIAR = "10.0.0.1", "10.0.0.2", "203.0.113.9", "198.51.100.7"


def seen(**environ: str) -> WSGIEnvironment:
    """Returns the WSGI environment that the application receives."""
    told: WSGIEnvironment = {}

    def app(given: WSGIEnvironment, _start: StartResponse) -> Iterable[bytes]:
        told.update(given)
        return []

    BehindProxies(app, ["10.0.0.0/8", "::1"], ConnectionLimiter(lambda: 0))({"wsgi.url_scheme": "http", **environ}, start)
    return told


def test_a_request_behind_a_proxy_counts_until_its_answer_is_over() -> None:
    limiter = ConnectionLimiter(lambda: 2)

    def app(environ: WSGIEnvironment, _start: StartResponse) -> Iterable[bytes]:
        connection = limiter.connection_of(environ)
        assert connection
        return [b"refused"] if connection.is_excess else [b"a", b"b"]

    proxies = BehindProxies(app, ["10.0.0.0/8"], limiter)

    def ask(address: str) -> Iterable[bytes]:
        environ = {"wsgi.url_scheme": "http", "REQUEST_METHOD": "GET", "REMOTE_ADDR": PROXY, "HTTP_X_FORWARDED_FOR": address}
        answer: Iterable[bytes] = proxies(environ, start)
        return answer

    first, second = ask(VISITOR), ask(VISITOR)
    assert list(ask(VISITOR)) == [b"refused"]
    assert list(ask(LIAR)) == [b"a", b"b"]

    second.close()  # type: ignore[attr-defined]
    assert list(first) == list(ask(VISITOR)) == [b"a", b"b"]


def start(*_: object) -> Callable[[bytes], object]:
    return lambda _: None


@pytest.mark.parametrize(
    ("nearest", "forwarded", "visitor"),
    [
        (PROXY, VISITOR, VISITOR),
        (PROXY, f"{VISITOR}, {INNER}", VISITOR),
        (PROXY, f"{LIAR}, {VISITOR}", VISITOR),
        (PROXY, f"{LIAR}, {VISITOR}, {INNER}", VISITOR),
        (PROXY, INNER, INNER),
        (PROXY, "", PROXY),
        (PROXY, "nonsense", PROXY),
        (PROXY, f"nonsense, {INNER}", INNER),
        ("::ffff:10.0.0.1", VISITOR, VISITOR),
        ("::1", "2001:db8::7", "2001:db8::7"),
        (LIAR, VISITOR, LIAR),
        ("", VISITOR, ""),
    ],
)
def test_the_visitor_is_the_first_stranger_from_the_right(nearest: str, forwarded: str, visitor: str) -> None:
    assert seen(REMOTE_ADDR=nearest, HTTP_X_FORWARDED_FOR=forwarded)["REMOTE_ADDR"] == visitor


@pytest.mark.parametrize(
    ("nearest", "said", "scheme"),
    [
        (PROXY, "https", "https"),
        (PROXY, "http, HTTPS", "https"),
        (PROXY, "gopher", "http"),
        (PROXY, "", "http"),
        (LIAR, "https", "http"),
    ],
)
def test_the_scheme_is_what_the_nearest_proxy_says(nearest: str, said: str, scheme: str) -> None:
    assert seen(REMOTE_ADDR=nearest, HTTP_X_FORWARDED_PROTO=said)["wsgi.url_scheme"] == scheme


def test_nobody_is_believed_when_no_proxy_is_named(make_app: MakeApp) -> None:
    app = make_app()

    assert not isinstance(app.wsgi_app, BehindProxies)
    assert isinstance(make_app(TRUSTED_PROXIES="10.0.0.1").wsgi_app, BehindProxies)
    assert Browser(app).get("/healthz", headers={"X-Forwarded-Host": "evil.example"}).status_code == 200
