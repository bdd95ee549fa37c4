"""One provider for all servers with chat completions: its requests, and every form of their replies."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.models.providers.canned import STOPPED, TOLD, Canned, collected_from, delta, lines
from tests.models.providers.received import KEY, Received, collect, request_for
from tests.upstream.handle import Upstream as Fake
from webapp.models.providers.base import CONTINUE_INSTRUCTION, Model, Turn
from webapp.models.providers.openai import OpenAIProvider, efforts_of
from webapp.models.upstream import Upstream
from webapp.streaming.events import Delta, Ended, Started, Usage
from webapp.streaming.stop import Stop


def test_an_answer_arrives_in_order(fake: Fake, provider: OpenAIProvider, stop: Stop) -> None:
    fake.says("One two three.", reasoning="Let me count.", cost=0.00015)

    received = collect(provider.stream(request_for(), stop))

    assert received.events[0] == Started("fake/plain", "fake", demo=False)
    assert (received.reasoning, received.text) == ("Let me count.", "One two three.")
    assert received.events[-2:] == [Usage(10, 3, "0.00015", "fake/plain"), Ended("completed", "stop")]


def test_it_asks_what_it_was_given_and_no_more(fake: Fake, provider: OpenAIProvider, stop: Stop) -> None:
    collect(provider.stream(request_for("Hello?"), stop))
    collect(provider.stream(request_for("Hello?", temperature=0.0, max_tokens=99, effort="low"), stop))
    collect(provider.stream(request_for("Hello?", model="gpt-oss:20b", effort="low"), stop))

    bare, full, thinking = (entry["body"] for entry in fake.log())
    assert bare == {
        "model": "fake/plain",
        "messages": [{"role": "user", "content": "Hello?"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert full == bare | {"temperature": 0.0, "max_tokens": 99}
    assert thinking == bare | {"model": "gpt-oss:20b", "reasoning_effort": "low"}
    assert fake.log()[0]["headers"]["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("model", ["gpt-5-mini", "o3"])
def test_openai_itself_gets_the_new_name_of_the_limit_and_no_temperature(model: str) -> None:
    provider = OpenAIProvider("openai", "https://api.openai.com/v1", KEY, Canned())  # type: ignore[arg-type]

    asked = provider.body(request_for(model=model, max_tokens=9, temperature=0.5, effort="high"), is_streamed=False)

    assert (asked["max_completion_tokens"], asked["reasoning_effort"]) == (9, "high")
    assert not {"max_tokens", "temperature", "stream_options"} & set(asked)
    assert provider.body(request_for(model="gpt-4.1", temperature=0.5), is_streamed=False)["temperature"] == 0.5


@pytest.mark.parametrize(
    ("model", "reasons"),
    [
        *((name, True) for name in ("o1", "o3-mini", "gpt-5", "gpt-5.1", "gpt-oss:20b", "openai/gpt-oss-120b", "some/o4-mini")),
        *((name, False) for name in ("gpt-4o", "gpt-5-chat-latest", "llama3.2", "o2x", "foo1", "qwen3", "")),
    ],
)
def test_only_some_models_can_be_told_how_hard_to_think(model: str, reasons: bool) -> None:
    assert efforts_of(model) == (("low", "medium", "high") if reasons else ())


@pytest.mark.parametrize(
    "refusal",
    [
        {"status": 400, "json": {"error": {"message": "Unrecognized request argument supplied: stream_options"}}},
        {"status": 422, "json": {"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]}},
    ],
)
def test_who_refuses_to_be_asked_for_the_usage_is_asked_without(
    fake: Fake, provider: OpenAIProvider, stop: Stop, refusal: dict[str, Any]
) -> None:
    fake.behaves([refusal])

    received = collect(provider.stream(request_for(), stop))

    assert (received.end, received.has_started) == ("stop", True)
    assert collect(provider.stream(request_for(), stop)).end == "stop"
    assert ["stream_options" in entry["body"] for entry in fake.log()] == [True, False, False]


def test_what_is_refused_without_it_too_is_refused(fake: Fake, provider: OpenAIProvider, stop: Stop) -> None:
    fake.always({"status": 400, "json": {"error": {"message": "stream_options, stream_options!"}}})

    assert collect(provider.stream(request_for(), stop)).end == "invalid"
    assert len(fake.log()) == 2


def test_nothing_is_sent_without_a_key(fake: Fake, outgoing: Upstream, stop: Stop) -> None:
    keyless = OpenAIProvider("fake", fake.base_url, "", outgoing, trust="operator")

    assert collect(keyless.stream(request_for(), stop)).end == "stop"
    assert "authorization" not in fake.log()[0]["headers"]


@pytest.mark.parametrize(
    ("continuation", "last"),
    [
        ("instruct", [{"role": "assistant", "content": "w000001 w00"}, {"role": "user", "content": CONTINUE_INSTRUCTION}]),
        ("prefill", [{"role": "assistant", "content": "w000001 w00"}]),
        ("prefix", [{"role": "assistant", "content": "w000001 w00", "prefix": True}]),
    ],
)
def test_an_answer_goes_on_where_it_ended(
    fake: Fake, make: Callable[..., OpenAIProvider], stop: Stop, continuation: str, last: list[dict[str, Any]]
) -> None:
    fake.counts(3)
    request = request_for("Count.", "w000001 w00", is_continuation=True)

    received = collect(make(continuation=continuation).stream(request, stop))

    assert received.text == "0002 w000003"
    assert fake.log()[0]["body"]["messages"] == [{"role": "user", "content": "Count."}, *last]


def test_a_finished_dialogue_gets_no_instruction(fake: Fake, provider: OpenAIProvider, stop: Stop) -> None:
    request = request_for("One?", "One.", "Two?")
    collect(provider.stream(request, stop))

    assert [Turn(**turn) for turn in fake.log()[0]["body"]["messages"]] == list(request.turns)


@pytest.mark.parametrize(
    "chunk",
    [
        delta(content="told"),
        {"choices": [{"delta": {"role": "assistant", "content": "told"}, "finish_reason": None}]},
        {"choices": [{"index": 7, "delta": {"content": "told"}}]},
        {"choices": [{"message": {"content": "told"}}]},
        delta(content=[{"type": "text", "text": "to"}, {"type": "text", "text": "ld"}]),
        delta(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "told"}]),
        delta(content="told", unknown={"deeply": [[[]]]}),
        delta(refusal="told"),
        delta(content="told", usage=None) | {"usage": None, "error": None, "obfuscation": "xyz"},
    ],
)
def test_every_shape_of_a_delta_is_read(stop: Stop, chunk: dict[str, Any]) -> None:
    received = collected_from(stop, lines(chunk, STOPPED, b"[DONE]"))

    assert (received.text, received.end) == ("told", "stop")


@pytest.mark.parametrize(
    "chunk",
    [
        {},
        {"choices": None},
        {"choices": []},
        {"choices": [None]},
        {"choices": [{}]},
        {"choices": "none"},
        {"choices": [{"delta": None}]},
        {"choices": [{"delta": "text"}]},
        delta(content=None),
        delta(content=7),
        delta(content=[None, 7, {"type": "image"}]),
        delta(reasoning=None, content=""),
        {"choices": [{"index": 1, "delta": {"content": "a second answer that nobody asked for"}}]},
        {"usage": "much"},
        {"choices": [], "timings": {"predicted_ms": 1}},
    ],
)
def test_what_says_nothing_adds_nothing(stop: Stop, chunk: dict[str, Any]) -> None:
    received = collected_from(stop, lines(TOLD, chunk, STOPPED, b"[DONE]"))

    assert (received.text, received.end) == ("told", "stop")


@pytest.mark.parametrize(
    "fields",
    [
        {"reasoning": "hm"},
        {"reasoning_content": "hm"},
        {"reasoning": "hm", "reasoning_content": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "hm"}]},
        {"reasoning": None, "reasoning_details": [{"type": "reasoning.summary", "summary": "hm"}, {"data": "[REDACTED]"}]},
    ],
)
def test_reasoning_is_told_once(stop: Stop, fields: dict[str, str]) -> None:
    received = collected_from(stop, lines(delta(**fields), TOLD, STOPPED))

    assert (received.reasoning, received.text) == ("hm", "told")


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        *(("stop", "stop"), ("tool_calls", "stop"), ("eos", "stop"), ("length", "length"), ("max_tokens", "length")),
        *(("content_filter", "content_filter"), ("SAFETY", "content_filter")),
    ],
)
def test_the_reason_of_the_end_is_kept(stop: Stop, finish: str, reason: str) -> None:
    assert collected_from(stop, lines(TOLD, {"choices": [{"delta": {}, "finish_reason": finish}]})).end == reason


def test_the_last_usage_counts_wherever_it_stands(stop: Stop) -> None:
    growing = [TOLD | {"usage": {"prompt_tokens": 5, "completion_tokens": n, "cost": n / 1000}} for n in range(3)]

    received = collected_from(
        stop, lines(*growing, STOPPED, {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 9}}, b"[DONE]")
    )

    assert [event for event in received.events if isinstance(event, Usage)] == [Usage(5, 9, None)]


def test_no_usage_is_unknown_and_not_nothing(stop: Stop) -> None:
    assert collected_from(stop, lines(TOLD, STOPPED)).usage is None


@pytest.mark.parametrize(
    ("cost", "text"),
    [
        *((b"0.000125", "0.000125"), (b"1.25e-7", "0.000000125"), (b"0", "0"), (b'"0.5"', "0.5"), (b"3", "3")),
        *((b"-1", None), (b'"a lot"', None), (b"null", None), (b"true", None), (b"1e999999", None), (b"NaN", None)),
    ],
)
def test_cost_is_plain_decimal_text(stop: Stop, cost: bytes, text: str | None) -> None:
    usage = b'{"choices": [], "usage": {"prompt_tokens": 1, "cost": ' + cost + b"}}"

    assert collected_from(stop, lines(TOLD, STOPPED, usage)).usage == Usage(1, None, text)


def test_characters_in_halves_are_joined(stop: Stop) -> None:
    received = collected_from(
        stop, lines(rb'{"choices":[{"delta":{"content":"a\ud83d"}}]}', rb'{"choices":[{"delta":{"content":"\ude00b"}}]}', STOPPED)
    )

    assert received.text == "a\U0001f600b"


def test_what_no_database_takes_is_left_out(stop: Stop) -> None:
    received = collected_from(stop, lines(rb'{"choices":[{"delta":{"content":"a\u0000b\ud800c"}}]}', STOPPED))

    assert received.text == "ab\ufffdc"


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "text/event-stream", ""])
def test_a_whole_reply_in_place_of_a_stream_is_taken(stop: Stop, kind: str) -> None:
    whole = {"model": "m", "choices": [{"message": {"content": "told", "reasoning": "hm"}, "finish_reason": "length"}]}

    received = collected_from(stop, b"\n", json.dumps(whole).encode(), headers={"Content-Type": kind})

    assert received.has_started
    assert (received.reasoning, received.text, received.end) == ("hm", "told", "length")


def test_no_stream_is_asked_for_a_whole_reply(fake: Fake, provider: OpenAIProvider, stop: Stop) -> None:
    fake.says("One two.", reasoning="Hm.", cost=0.001)

    reply = provider.complete(request_for(), stop)

    assert (reply.text, reply.reasoning, reply.reason, reply.model) == ("One two.", "Hm.", "stop", "fake/plain")
    assert reply.usage == Usage(10, 2, "0.001", "fake/plain")
    assert fake.log()[0]["body"]["stream"] is False


def test_models_are_listed_with_their_context(fake: Fake, provider: OpenAIProvider) -> None:
    gguf = {"id": "/models/a.gguf", "meta": {"n_ctx_train": 8192}}
    fake.always(
        {"json": {"data": [{"id": "a", "max_model_len": 4096}, gguf, {"id": "gpt-oss:20b", "name": "Bee"}, {"id": None}, 7]}},
        at="/models",
    )

    assert provider.models() == (
        Model("a", "a", 4096),
        Model("/models/a.gguf", "/models/a.gguf", 8192),
        Model("gpt-oss:20b", "Bee", efforts=("low", "medium", "high")),
    )


def test_who_served_it_is_known_before_the_first_word(stop: Stop) -> None:
    received = collected_from(
        stop, lines(delta(role="assistant") | {"model": "a-2\n\0", "id": "chatcmpl-1"}, TOLD | {"model": "b"})
    )

    assert received.events[1:] == [Usage(model="a-2"), Delta("told")]


def test_what_cannot_be_settled_is_unknown(provider: OpenAIProvider) -> None:
    assert provider.settle("chatcmpl-1") is None


def test_a_bare_list_of_models_is_read(fake: Fake, provider: OpenAIProvider) -> None:
    fake.always({"json": [{"id": "a"}]}, at="/models")

    assert [model.id for model in provider.models()] == ["a"]


def test_checking_says_what_there_is(provider: OpenAIProvider) -> None:
    assert provider.check_key() == "127.0.0.1 is working and offers 2 models."


def test_the_connection_serves_the_next_answer_too(fake: Fake, provider: OpenAIProvider, stop: Stop) -> None:
    # In one chunk, as the provider waits only briefly for the end of a reply.
    fake.always({"steps": [{"send": lines(TOLD, STOPPED, b"[DONE]").decode()}], "framing": "length"})
    for _ in range(4):
        assert collect(provider.stream(request_for(), stop)).end == "stop"

    assert len({entry["connection"] for entry in fake.log()}) == 1


@pytest.mark.parametrize("key", ["sk-with\nbreak", "sk-\u201cquoted\u201d"])
def test_a_key_that_cannot_be_one_is_not_sent(fake: Fake, outgoing: Upstream, stop: Stop, key: str) -> None:
    received = collect(OpenAIProvider("fake", fake.base_url, key, outgoing, trust="operator").stream(request_for(), stop))

    assert received.end == "auth"
    assert not fake.log()


def test_nothing_happens_before_it_is_pulled(fake: Fake, provider: OpenAIProvider, stop: Stop) -> None:
    events = provider.stream(request_for(), stop)

    assert not fake.log()
    events.close()  # type: ignore[attr-defined]


def test_closing_it_closes_the_connection(fake: Fake, provider: OpenAIProvider, stop: Stop) -> None:
    fake.counts(1000, pace=0.01)
    events = provider.stream(request_for(), stop)
    next(events)
    next(events)
    events.close()  # type: ignore[attr-defined]

    fake.until(lambda log: log[0]["client_closed"])


def test_a_stop_is_a_plain_end(fake: Fake, provider: OpenAIProvider, stop: Stop) -> None:
    fake.counts(4000, pace=0.01)
    received = Received()
    for event in provider.stream(request_for(), stop):
        received.events.append(event)
        if "w000005" in received.text:
            stop.request("user")

    assert not received.end
    fake.until(lambda log: log[0]["client_closed"])


def test_a_stop_before_the_beginning_asks_nobody(fake: Fake, provider: OpenAIProvider, stop: Stop) -> None:
    stop.request("user")

    assert collect(provider.stream(request_for(), stop)).events == []
    assert not fake.log()
