"""Failures during a reply, and what is kept: this layer never retries, but reports all that a retry needs."""

import gzip
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import gevent
import pytest

from tests.models.providers.canned import STOPPED, TOLD, collected_from, delta, lines
from tests.models.providers.received import Received, collect, request_for
from tests.upstream.handle import Upstream as Fake
from webapp.models.providers.base import ProviderError
from webapp.models.providers.openai import OpenAIProvider
from webapp.streaming.stop import Stop

CollectFrom = Callable[..., Received]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"code": 502, "message": "It broke."}, "error"),
        ({"code": "server_error", "message": "It broke."}, "error"),
        ({"code": 429, "message": "It broke.", "metadata": {"error_type": "rate_limit_exceeded"}}, "rate"),
        ({"code": 402, "message": "It broke."}, "credit"),
        ({"code": "400", "message": "It broke."}, "invalid"),
        ({"type": "invalid_request_error", "message": "It broke."}, "invalid"),
        ({"message": "It broke."}, "error"),
        ("It broke.", "error"),
    ],
)
@pytest.mark.parametrize("done", [True, False])
def test_an_error_within_the_stream_keeps_the_text(collect_from: CollectFrom, fields: Any, code: str, done: bool) -> None:
    received = collect_from({"says": "One two three.", "error_after": 2, "error": fields, "done": done})

    assert (received.text, received.end) == ("One two ", code)
    assert received.failure
    assert "It broke." in received.failure.message


@pytest.mark.parametrize("data", [b'{"error": {"message": "It broke."}}', b'{"message": "It broke."}', b"It broke."])
def test_a_named_error_event_is_an_error(stop: Stop, data: bytes) -> None:
    received = collected_from(stop, lines(TOLD), b"event: error\ndata: " + data + b"\n\n", lines(STOPPED, b"[DONE]"))

    assert (received.text, received.end) == ("told", "error")
    assert received.failure
    assert "It broke." in received.failure.message


def test_a_finish_called_error_is_no_end(stop: Stop) -> None:
    assert collected_from(stop, lines(TOLD, {"choices": [{"delta": {}, "finish_reason": "error"}]}, b"[DONE]")).end == "error"


def test_what_comes_after_the_terminal_marker_does_not_undo_it(stop: Stop) -> None:
    for after in (lines({"error": {"message": "too late"}}), lines(b"{", b"{", b"{"), b""):
        assert collected_from(stop, lines(TOLD, STOPPED), after, breaks=True).end == "stop"


@pytest.mark.parametrize("framing", ["chunked", "close"])
@pytest.mark.parametrize("done", [True, False])
def test_an_end_without_a_reason_is_a_cut(collect_from: CollectFrom, framing: str, done: bool) -> None:
    received = collect_from({"says": "One two three.", "finish": None, "done": done, "framing": framing})

    assert (received.text, received.end) == ("One two three.", "cut")
    assert received.usage, "what is known of the cost is told all the same"


@pytest.mark.parametrize("framing", ["chunked", "close"])
@pytest.mark.parametrize("how", ["fin", "rst"])
def test_a_broken_connection_keeps_the_text(fake: Fake, collect_from: CollectFrom, framing: str, how: str) -> None:
    received = collect_from({"says": "One two three.", "pace": 0.01, "cut_after": 2, "cut": how, "framing": framing})

    assert received.end == "cut"
    assert "One two three.".startswith(received.text)
    if how == "fin":
        assert received.text == "One two "


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_half_a_character_is_not_shown(collect_from: CollectFrom, cut: int) -> None:
    half = 'data: {"choices":[{"delta":{"content":"\U0001f600'.encode()[: -4 + cut]
    received = collect_from({"steps": [{"send": lines(TOLD).decode()}, {"send64": b64encode(half).decode()}, {"close": "rst"}]})

    assert received.end == "cut"
    assert received.text in ("", "told")


@pytest.mark.parametrize("comments", [0, 0.02])
def test_a_stall_ends_when_somebody_says_so(fake: Fake, provider: OpenAIProvider, stop: Stop, comments: float) -> None:
    fake.always({"counted": 20, "stall_after": 10, "stall_comments": comments})
    received = Received()
    hearing = gevent.spawn(collect, provider.stream(request_for(), stop), received)
    with gevent.Timeout(30):
        while "w000010" not in received.text:
            gevent.sleep(0.01)
    stop.request("stall")
    hearing.get(timeout=30)

    assert received.text.split()[-1] == "w000010"
    assert not received.end
    fake.until(lambda log: log[0]["client_closed"])


def test_no_first_byte_is_a_stall(fake: Fake, make: Callable[..., OpenAIProvider], stop: Stop) -> None:
    fake.always({"raw": [{"hang": True}]})
    received = collect(make(first_byte_seconds=0.1).stream(request_for(), stop))

    assert received.failure
    assert (received.failure.code, received.failure.retryable, received.events) == ("stall", True, [])
    # On a busy machine the timeout can expire before the request is sent.
    fake.until(lambda log: all(entry["client_closed"] for entry in log))


def test_a_whole_reply_may_take_its_time(fake: Fake, make: Callable[..., OpenAIProvider], stop: Stop) -> None:
    fake.says("Late.", delay=0.3)

    assert make(first_byte_seconds=0.1).complete(request_for(), stop).text == "Late."


def test_a_whole_reply_can_be_stopped(fake: Fake, provider: OpenAIProvider, stop: Stop) -> None:
    fake.says("Late.", delay=60)

    def ask() -> None:
        with pytest.raises(ProviderError, match="was stopped"):
            provider.complete(request_for(), stop)

    asker = gevent.spawn(ask)
    fake.until(len)
    stop.request("user")
    asker.join(30)

    assert asker.successful()
    fake.until(lambda log: log[0]["client_closed"])


@pytest.mark.parametrize(
    "how",
    [
        {"slice": 9, "slice_pause": 0.0002},
        {"slice": 1, "framing": "close"},
        {"slice": 3},
        {"newline": "\r\n"},
        {"newline": "\r"},
        {"space": ""},
        {"comments": 1},
        {"role_first": False},
        {"done": False},
        {"sends_usage": False},
        {"framing": "length"},
    ],
    ids=str,
)
def test_framing_changes_nothing(collect_from: CollectFrom, how: dict[str, Any]) -> None:
    text = "Grüße an 東京 und \U0001f600, a\u2028b\u0085c\r\nd"

    received = collect_from({"says": text, **how})

    assert (received.text, received.end) == (text, "stop")


@pytest.mark.slow
def test_one_byte_at_a_time_changes_nothing(collect_from: CollectFrom) -> None:
    assert collect_from({"says": "ü", "slice": 1, "slice_pause": 0.0001}).text == "ü"


@pytest.mark.parametrize("bad", [b"{", b"[]", b"7", b'"text"', b"{}{}", b"[" * 100_000, b'{"a":' * 200 + b"1" + b"}" * 200])
def test_a_bad_line_is_forgiven(stop: Stop, bad: bytes) -> None:
    received = collected_from(stop, lines(TOLD, bad, TOLD, bad, STOPPED, b"[DONE]"))

    assert (received.text, received.end) == ("toldtold", "stop")


def test_three_bad_lines_in_a_row_are_not(stop: Stop) -> None:
    received = collected_from(stop, lines(TOLD, b"{", b"{", b"{", TOLD, STOPPED))

    assert (received.text, received.end) == ("told", "invalid")


def test_a_stream_of_nonsense_is_no_cut(stop: Stop) -> None:
    assert collected_from(stop, lines(b"hello", b"world")).end == "invalid"


def test_heartbeats_are_not_bad_lines(stop: Stop) -> None:
    received = collected_from(stop, lines(TOLD), b"data:\n\n" * 5, b"event: ping\ndata: ping\n\n" * 5, lines(STOPPED))

    assert (received.text, received.end) == ("told", "stop")


def test_done_alone_is_no_success(stop: Stop) -> None:
    assert collected_from(stop, lines(b"[DONE]")).end == "cut"
    assert collected_from(stop).end == "cut"


def test_a_second_finish_and_text_after_done_do_not_count(stop: Stop) -> None:
    length = {"choices": [{"delta": {}, "finish_reason": "length"}]}
    received = collected_from(stop, lines(TOLD, length, STOPPED, b"[DONE]", TOLD))

    assert (received.text, received.end) == ("told", "length")


def test_a_huge_token_is_one_token(collect_from: CollectFrom) -> None:
    received = collect_from({"says": "", "tokens": ["x" * 1_000_000]})

    assert (len(received.text), received.end) == (1_000_000, "stop")


def test_a_line_without_end_is_refused(stop: Stop) -> None:
    assert collected_from(stop, lines(TOLD), b"data: ", *[b"x" * 1_000_000] * 5).end == "invalid"


@pytest.mark.slow
def test_many_tokens_are_equal_to_what_was_sent(collect_from: CollectFrom) -> None:
    received = collect_from({"counted": 10_000})

    assert received.text.split() == [f"w{number:06d}" for number in range(1, 10_001)]


def test_a_bomb_is_not_unpacked(collect_from: CollectFrom) -> None:
    bomb = b64encode(gzip.compress(b"\0" * 1_000_000)).decode()
    received = collect_from({"steps": [{"send64": bomb}], "headers": {"Content-Encoding": "gzip"}})

    assert received.end == "invalid"


@pytest.mark.slow
def test_many_comments_are_nothing(collect_from: CollectFrom) -> None:
    steps = [{"send": ":\n\n" * 20_000}] * 10 + [{"send": lines(TOLD, STOPPED).decode()}]

    assert collect_from({"steps": steps}).text == "told"


def test_deltas_of_the_wrong_kind_say_nothing(stop: Stop) -> None:
    assert collected_from(stop, lines(delta(content={"a": 1}, reasoning=[1]), STOPPED)).text == ""
