"""Errors of servers: the error code, whether to retry, how long to wait, and a message that never contains the key."""

import json
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest

from tests.models.providers.canned import collected_from
from tests.models.providers.received import KEY, Received
from tests.upstream.handle import Upstream as Fake
from webapp.models.providers.base import ProviderError
from webapp.models.providers.openai import OpenAIProvider
from webapp.streaming.stop import Stop

CollectFrom = Callable[..., Received]
HTML = "<!doctype html><html><body><h1>Bad gateway</h1><script>alert(1)</script></body></html>"


def error(status: int, **fields: Any) -> dict[str, Any]:
    return {"status": status, "json": {"error": fields}}


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        *((401, "auth", False), (403, "auth", False), (402, "credit", False), (429, "rate", True)),
        *((status, "invalid", False) for status in (400, 404, 413, 418, 422)),
        *((status, "error", True) for status in (408, 409, 500, 502, 503, 524, 529)),
    ],
)
@pytest.mark.parametrize("body", [{"json": {"error": {"message": "It is so."}}}, {"html": HTML}, {"text": ""}, {"json": [7]}])
def test_a_status_is_a_policy(collect_from: CollectFrom, status: int, code: str, retryable: bool, body: dict[str, Any]) -> None:
    received = collect_from({"status": status, **body})

    assert received.failure
    assert (received.failure.code, received.failure.retryable) == (code, retryable)
    assert received.events == []
    assert "127.0.0.1" in received.failure.message
    assert "<" not in received.failure.message
    assert ("It is so." in received.failure.message) == ("It is so." in str(body))


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"type": "insufficient_quota", "code": "insufficient_quota"}, 429, "credit"),
        ({"code": "credit_balance_exhausted"}, 429, "credit"),
        ({"type": "rate_limit_error", "details": {"error_code": "enforced_spend_limit_reached"}}, 429, "credit"),
        ({"code": "rate_limit_exceeded", "type": "tokens"}, 429, "rate"),
        ({"code": 429, "metadata": {"error_type": "rate_limit_exceeded"}}, 429, "rate"),
        ({"code": "invalid_api_key", "type": "invalid_request_error"}, 400, "auth"),
        ({"code": "context_length_exceeded"}, 400, "invalid"),
        ({"code": None, "type": "api_error"}, 503, "error"),
        ({"code": 403, "metadata": {"reasons": ["violence"], "flagged_input": "…"}}, 403, "invalid"),
    ],
)
def test_words_say_more_than_the_status(collect_from: CollectFrom, fields: dict[str, Any], status: int, code: str) -> None:
    assert collect_from(error(status, message="Look at your plan.", **fields)).end == code


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("2", 2), ("3600", 3600), ("0.5", 0.5), ("soon", None), ("-5", None), ("nan", None), ("inf", None), ("", None)],
)
def test_the_wait_it_asks_for_is_known(collect_from: CollectFrom, header: str, seconds: float | None) -> None:
    received = collect_from({"headers": {"Retry-After": header}, **error(429, message="Slow down.")})

    assert received.failure
    assert received.failure.retry_after == seconds


@pytest.mark.parametrize(("ahead", "least", "most"), [(60, 50, 61), (-60, None, None)])
def test_the_wait_may_be_a_date(collect_from: CollectFrom, ahead: int, least: int | None, most: int | None) -> None:
    received = collect_from(
        {"headers": {"Retry-After": formatdate(time.time() + ahead, usegmt=True)}, **error(503, message="Later.")}
    )

    assert received.failure
    if least is None or most is None:
        assert received.failure.retry_after is None
    else:
        assert received.failure.retry_after is not None
        assert least < received.failure.retry_after < most


def test_the_wait_may_stand_in_the_error(collect_from: CollectFrom) -> None:
    received = collect_from(error(503, message="Later.", availability={"retry_after": 7}))

    assert received.failure
    assert received.failure.retry_after == 7


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "Overloaded.", "code": 502}},
        {"error": "Overloaded."},
        {"object": "error", "message": "Overloaded.", "code": 502},
        [{"error": {"message": "Overloaded.", "code": 502}}],
        {"choices": [{"finish_reason": "error", "error": {"message": "Overloaded.", "code": 502}, "message": {"content": "ha"}}]},
    ],
)
@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
def test_an_error_with_status_200_is_an_error(collect_from: CollectFrom, body: Any, kind: str) -> None:
    received = collect_from({"json": body, "headers": {"Content-Type": kind}})

    assert received.end == "error"
    assert received.failure
    assert "Overloaded." in received.failure.message
    assert not received.text


@pytest.mark.parametrize("kind", ["text/html", "text/event-stream", "application/json", ""])
def test_a_web_page_is_not_an_answer(collect_from: CollectFrom, kind: str) -> None:
    received = collect_from({"html": HTML, "headers": {"Content-Type": kind}})

    assert received.end == "invalid"
    assert received.failure
    assert "web page" in received.failure.message


@pytest.mark.parametrize("body", [{"json": {"hello": "world"}}, {"json": {"choices": []}}, {"json": 7}])
def test_json_that_is_no_answer_is_not_taken_for_one(collect_from: CollectFrom, body: dict[str, Any]) -> None:
    assert collect_from(body).end == "invalid"


@pytest.mark.parametrize(
    "words",
    [
        f"Incorrect API key provided: {KEY}.",
        f"Incorrect API key provided: {KEY[:20]}",
        f"The key ({KEY[9:]}) is disabled",
        "Incorrect API key provided: sk-proj-****abcd",
        "Header was 'Authorization: Bearer abc.def'",
        f'{{"key":"{KEY}"}}',
        f"https://example.com/?key={KEY}&x=1",
    ],
)
@pytest.mark.parametrize("status", [401, 500])
def test_a_key_is_never_repeated(collect_from: CollectFrom, words: str, status: int) -> None:
    for behaviour in (error(status, message=words), {"status": status, "text": words}, {"json": {"error": words}}):
        failure = collect_from(behaviour).failure
        assert failure
        shown = failure.message.replace(f"that ends in {KEY[-4:]}", "")
        assert not any(KEY[at : at + 8] in shown for at in range(len(KEY) - 7))
        assert "sk-proj" not in shown
        assert "abc.def" not in shown


def test_the_person_is_told_which_key(collect_from: CollectFrom) -> None:
    failure = collect_from(error(401, message="No auth credentials found")).failure

    assert failure
    assert failure.message == "127.0.0.1 rejected the key that ends in cdef: No auth credentials found."


def test_words_of_a_server_are_short_and_plain(collect_from: CollectFrom) -> None:
    failure = collect_from(error(400, message="a\x00b\x1b[31m\u202e\r\nc " + "long " * 1000)).failure

    assert failure
    assert len(failure.message) < 400
    assert failure.message.isprintable()


def test_an_error_that_never_ends_is_not_waited_for(collect_from: CollectFrom) -> None:
    received = collect_from({"status": 500, "steps": [{"send": "x" * 100_000}] * 10})

    assert received.end == "error"


def test_a_refused_key_is_said_when_it_is_checked(fake: Fake, provider: OpenAIProvider) -> None:
    fake.always(error(401, message="User not found."), at="/models")

    with pytest.raises(ProviderError, match="rejected the key") as refused:
        provider.check_key()
    assert refused.value.code == "auth"


def test_models_that_are_no_json_are_an_error(fake: Fake, provider: OpenAIProvider) -> None:
    fake.always({"html": HTML}, at="/models")

    with pytest.raises(ProviderError, match="didn't return JSON"):
        provider.models()


def test_every_shape_of_garbage_ends_in_words(stop: Stop) -> None:
    for value in (None, 7, "x", [], {}, [[]], {"error": []}, {"error": 7}, {"choices": {}}, {"choices": [[]]}):
        received = collected_from(stop, json.dumps(value).encode(), headers={"Content-Type": "application/json"})
        assert received.failure, value
        assert received.failure.message


def test_ordinary_words_are_left_alone(collect_from: CollectFrom) -> None:
    words = "The token_limit of this key-value model is or-like 8192; see request req_77a9c1e5."
    failure = collect_from(error(400, message=words)).failure

    assert failure
    assert failure.message.endswith(words)
