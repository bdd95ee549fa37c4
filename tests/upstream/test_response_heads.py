"""Whatever a server sends in its head and its trailers results in a value or an error message, never in a crash."""

import json
from typing import Any

import gevent
import pytest

from tests.models.providers.received import collect, request_for
from tests.upstream.handle import Upstream as Fake
from webapp.models.providers.openrouter import OpenRouterProvider
from webapp.models.upstream import Upstream
from webapp.streaming.stop import Stop

pytestmark = pytest.mark.mostly_slow

STREAM = "Content-Type: text/event-stream\r\n"
TOLD = 'data: {"choices":[{"index":0,"delta":{"content":"told"}}]}\n\n'
END = 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
LONG = "x" * 70_000
HEADS = {
    "a long status line": f"HTTP/1.1 200 {LONG}\r\n\r\n",
    "a status that is none": "HTTP/1.1 abc OK\r\n\r\n",
    "a status of nine digits": "HTTP/1.1 999999999 OK\r\n\r\n",
    "switching protocols": "HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "no content": "HTTP/1.1 204 No Content\r\n\r\n",
    "not modified": "HTTP/1.1 304 Not Modified\r\n\r\n",
    "a long header": f"HTTP/1.1 200 OK\r\nX: {LONG}\r\n\r\n",
    "many headers": "HTTP/1.1 200 OK\r\n" + "X: y\r\n" * 500 + "\r\n",
    "a header without a name": "HTTP/1.1 200 OK\r\n: x\r\n no\r\n\r\n",
    "a redirect to a file": "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n",
    "a redirect to nowhere": f"HTTP/1.1 307 Go\r\nLocation: http://169.254.169.254/{LONG[:9000]}\r\n\r\n",
    "a negative length": f"HTTP/1.1 200 OK\r\n{STREAM}Content-Length: -5\r\n\r\n",
    "two lengths": f"HTTP/1.1 200 OK\r\n{STREAM}Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
    "a length that is none": f"HTTP/1.1 200 OK\r\n{STREAM}Content-Length: many\r\n\r\n",
    "a negative chunk": f"HTTP/1.1 200 OK\r\n{STREAM}Transfer-Encoding: chunked\r\n\r\n-5\r\nabc\r\n",
    "a huge chunk": f"HTTP/1.1 200 OK\r\n{STREAM}Transfer-Encoding: chunked\r\n\r\n{'f' * 30}\r\nabc\r\n",
    "a chunk that is none": f"HTTP/1.1 200 OK\r\n{STREAM}Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
    "a long trailer": f"HTTP/1.1 200 OK\r\n{STREAM}Transfer-Encoding: chunked\r\n\r\n0\r\nX: {LONG}\r\n\r\n",
    "another protocol": "SSH-2.0-OpenSSH_9.6\r\n",
    "nothing": "",
}
WAITS = ["9" * 60_000, "1e308", "-1", "NaN", "Thu, 01 Jan 9999 00:00:00 GMT", "Fri, 31 Feb 2026 99:99:99 XYZ", "\x01", "1e-9"]
NONSENSE: list[Any] = [-1, 10**30, 1e300, True, "12", "x" * 100_000, [], {}, [[[]]], None, -0.5, "NaN", "1e9999999"]


@pytest.fixture
def provider(fake: Fake, outgoing: Upstream) -> OpenRouterProvider:
    return OpenRouterProvider("", outgoing, base_url=fake.base_url, trust="operator", first_byte_seconds=5)


@pytest.mark.parametrize("kind", HEADS)
def test_a_strange_head_ends_in_words(fake: Fake, provider: OpenRouterProvider, stop: Stop, kind: str) -> None:
    fake.always({"raw": [{"send": HEADS[kind]}]})

    with gevent.Timeout(20):
        received = collect(provider.stream(request_for(), stop))

    assert received.failure
    assert received.failure.message.endswith((".", "?"))
    assert len(received.failure.message) < 400


@pytest.mark.parametrize("wait", WAITS)
def test_the_wait_it_asks_for_is_at_most_a_day(fake: Fake, provider: OpenRouterProvider, stop: Stop, wait: str) -> None:
    fake.always({"raw": [{"send": f"HTTP/1.1 429 Slow\r\nRetry-After: {wait}\r\nContent-Length: 2\r\n\r\n{{}}"}]})

    received = collect(provider.stream(request_for(), stop))

    assert received.failure
    assert 0 <= (received.failure.retry_after or 0) <= 86_400


@pytest.mark.parametrize("value", NONSENSE, ids=lambda value: repr(value)[:12])
def test_nonsense_in_any_place_of_an_answer_is_no_reason_to_break(
    fake: Fake, provider: OpenRouterProvider, stop: Stop, value: Any
) -> None:
    names = ("prompt_tokens", "completion_tokens", "cost", "cost_details", "is_byok")
    usage = json.dumps({"id": value, "model": value, "choices": [], "usage": dict.fromkeys(names, value)})
    odd = json.dumps({"choices": [{"index": value, "delta": value, "finish_reason": value if isinstance(value, list) else None}]})
    fake.always({"steps": [{"send": f"{TOLD}data: {odd}\n\ndata: {usage}\n\n{END}"}], "headers": {"X-Generation-Id": "x" * 9000}})

    received = collect(provider.stream(request_for(), stop))

    assert (received.text, received.end) == ("told", "stop")
    known = received.usage
    assert known is None or (len(known.model) <= 200 and len(known.upstream_id) <= 120 and len(known.cost or "") <= 30)
    assert known is None or all(0 <= count < 2**31 for count in (known.input_tokens or 0, known.output_tokens or 0))


@pytest.mark.parametrize("value", NONSENSE, ids=lambda value: repr(value)[:12])
@pytest.mark.parametrize("status", [200, 400])
def test_nonsense_in_any_place_of_an_error_is_told_in_words(
    fake: Fake, provider: OpenRouterProvider, stop: Stop, value: Any, status: int
) -> None:
    names = ("message", "code", "type", "metadata", "details", "availability")
    within: list[Any] = [
        {"error": dict.fromkeys(names, value)},
        {"error": {"message": value, "metadata": dict.fromkeys(("raw", "reasons", "error_type"), value)}},
        {"error": value, "detail": [{"loc": value, "msg": value}]},
        {"choices": [{"error": value or {}, "finish_reason": "error"}]},
    ]
    for error in within:
        fake.always({"status": status, "json": error})
        received = collect(provider.stream(request_for(), stop))
        assert received.failure
        assert len(received.failure.message) < 500


@pytest.mark.parametrize("value", NONSENSE, ids=lambda value: repr(value)[:12])
def test_nonsense_in_a_list_of_models_is_left_out(fake: Fake, provider: OpenRouterProvider, value: Any) -> None:
    names = ("name", "context_length", "pricing", "supported_parameters", "reasoning", "meta")
    odd = {"id": "some/\x00\x1b[31mmodel", **dict.fromkeys(names, value), "pricing": {"prompt": value, "completion": value}}
    fake.always({"json": {"data": [odd, {"id": value}, value]}}, at="/models")

    models = provider.models()

    assert models[0].id == "some/[31mmodel"
    assert all(model.id.isprintable() and len(model.id) <= 200 and model.name.isprintable() for model in models)
