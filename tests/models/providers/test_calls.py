"""Calls in replies: every form in which servers send them, their limits, and what is kept to be sent back."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from tests.models.providers.canned import STOPPED, TOLD, Canned, delta, lines
from tests.models.providers.received import KEY, SEARCH, Received, collect, request_for
from webapp.models.providers.anthropic import AnthropicProvider
from webapp.models.providers.base import ModelRequest, ProviderError, Reply, ToolCall, ToolSpec, Turn, events_of
from webapp.models.providers.calls import MOST_ARGUMENTS, MOST_CALLS, MOST_KEPT, MOST_READ, Calls
from webapp.models.providers.openai import OpenAIProvider
from webapp.models.providers.openrouter import OpenRouterProvider
from webapp.models.providers.reasoning import split, split_whole
from webapp.streaming.events import KINDS, Calling, Delta, Ended, Event, Kept, Reasoning, Started, Usage
from webapp.streaming.stop import Stop

JSON = {"Content-Type": "application/json"}
CALLED = {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}
QUERY = '{"query": "mills"}'


def call(id: str | None = None, name: str | None = None, arguments: Any = None, **more: Any) -> dict[str, Any]:
    """Returns a piece of a call with only the fields that are given."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    return {**({} if id is None else {"id": id}), "function": function, **more}


def called(*calls: dict[str, Any], **more: Any) -> dict[str, Any]:
    return delta(tool_calls=list(calls), **more)


def request(**how: Any) -> ModelRequest:
    return request_for("Hello?", model="m", **{"tools": (SEARCH,), **how})


def told(stop: Stop, *values: Any, **how: Any) -> Received:
    provider = OpenAIProvider("canned", "http://canned/v1", KEY, Canned(lines(*values)))  # type: ignore[arg-type]
    return collect(provider.stream(request(**how), stop))


def routed(stop: Stop, *values: Any) -> Received:
    provider = OpenRouterProvider(KEY, Canned(lines(*values)), base_url="http://canned/v1")  # type: ignore[arg-type]
    return collect(provider.stream(request(), stop))


def whole(stop: Stop, message: dict[str, Any], finish: str = "tool_calls") -> Reply:
    content = json.dumps({"model": "m", "choices": [{"message": message, "finish_reason": finish}]}).encode()
    provider = OpenAIProvider("canned", "http://canned/v1", KEY, Canned(content, headers=JSON))  # type: ignore[arg-type]
    return provider.complete(request(), stop)


def claude(stop: Stop, *values: Any) -> Received:
    provider = AnthropicProvider(KEY, Canned(lines(*values, {"type": "message_stop"})), base_url="http://canned")  # type: ignore[arg-type]
    return collect(provider.stream(request(), stop))


def block(index: int, kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": {"type": kind, **fields}}


def of_block(index: int, kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}}


def stopped_by(reason: str) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason}}


def kept_of(received: Received | Reply) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(received.kept)
    return kept


def test_the_pieces_of_calls_are_events(stop: Stop) -> None:
    received = told(
        stop,
        delta(content="I look."),
        called(call("call_a", "search_web", "", index=0, type="function")),
        called(call(arguments='{"query": ', index=0)),
        called(call("call_b", "search_web", "", index=1)),
        called(call(arguments='"mills"}', index=0), call(arguments="{}", index=1)),
        CALLED,
        b"[DONE]",
    )

    assert received.events == [
        Started("m", "canned"),
        Delta("I look."),
        Calling(0, "call_a", "search_web", '{"query": '),
        Calling(1, "call_b", "search_web"),
        Calling(0, arguments='"mills"}'),
        Calling(1, arguments="{}"),
        Ended("completed", "calls"),
    ]


def test_what_a_provider_wants_back_is_in_no_log() -> None:
    # The pieces of calls are, if a program is to make them.
    assert Kept not in KINDS.values()
    assert Calling in KINDS.values()


ONE = [("call_a", "search_web", QUERY)]
TWO = [("call_1", "search_web", QUERY), ("call_2", "search_web", "{}")]
SHAPES: dict[str, tuple[list[dict[str, Any]], list[tuple[str, str, str]]]] = {
    "whole in one chunk": ([called(call("call_a", "search_web", QUERY, index=0))], ONE),
    "the end in the same chunk": (
        [{"choices": [{"delta": {"tool_calls": [call("call_a", "search_web", QUERY, index=0)]}, "finish_reason": "stop"}]}],
        ONE,
    ),
    "as a message": ([{"choices": [{"message": {"tool_calls": [call("call_a", "search_web", QUERY)]}}]}], ONE),
    "no index": (
        [called(call("call_a", "search_web", "")), called(call(arguments=QUERY[:5])), called(call(arguments=QUERY[5:]))],
        ONE,
    ),
    "no index and two": ([called(call("call_1", "search_web", QUERY)), called(call("call_2", "search_web", "{}"))], TWO),
    "no index but the id in every piece": (
        [
            called(call("call_1", "search_web", "")),
            called(call("call_2", "search_web", "")),
            called(call("call_1", None, QUERY)),
            called(call("call_2", None, "{}")),
        ],
        TWO,
    ),
    "no index and no id": ([called(call(None, "search_web", QUERY), call(None, "search_web", "{}"))], TWO),
    "no id": (
        [
            called(call(None, "search_web", "", index=0)),
            called(call(None, None, QUERY, index=0)),
            called(call(None, "search_web", "{}", index=1)),
        ],
        TWO,
    ),
    "an empty id": ([called(call("", "search_web", QUERY, index=0), call("", "search_web", "{}", index=1))], TWO),
    "an id that is none": ([called(call("x" * 200, "search_web", QUERY), call("\n", "search_web", "{}"))], TWO),
    "the same id twice": (
        [called(call("call_a", "search_web", QUERY, index=0), call("call_a", "search_web", "{}", index=1))],
        [("call_a", "search_web", QUERY), ("call_2", "search_web", "{}")],
    ),
    "all numbered 0": (
        [called(call("call_1", "search_web", QUERY, index=0)), called(call("call_2", "search_web", "{}", index=0))],
        TWO,
    ),
    "all numbered 0 without ids": (
        [called(call(None, "search_web", QUERY, index=0)), called(call(None, "search_web", "{}", index=0))],
        TWO,
    ),
    "another tool with the same number": (
        [called(call(None, "search_web", "", index=0)), called(call(None, "now", "", index=0))],
        [("call_1", "search_web", ""), ("call_2", "now", "")],
    ),
    "the name in every piece": (
        [called(call("call_a", "search_web", QUERY[:5], index=0)), called(call("call_a", "search_web", QUERY[5:], index=0))],
        ONE,
    ),
    "the name in every piece without an id": (
        [called(call(None, "search_web", QUERY[:5], index=0)), called(call(None, "search_web", QUERY[5:], index=0))],
        [("call_1", "search_web", QUERY)],
    ),
    "another id in every piece": (
        [called(call("call_a", "search_web", "", index=0)), called(call("call_z", None, QUERY, index=0))],
        ONE,
    ),
    "the name after the id": (
        [called(call("call_a", None, QUERY[:5], index=0)), called(call(None, "search_web", QUERY[5:], index=0))],
        ONE,
    ),
    "numbers that begin anywhere": (
        [called(call("call_1", "search_web", QUERY, index=7), call("call_2", "search_web", "{}", index=3))],
        TWO,
    ),
    "an object instead of text": ([called(call("call_a", "search_web", {"query": "mills"}, index=0))], ONE),
    "numbers in an object": (
        [called(call("call_a", "now", {"at": 0.5, "in": 3, "by": "é"}, index=0))],
        [("call_a", "now", '{"at": 0.5, "in": 3, "by": "é"}')],
    ),
    "no arguments": ([called(call("call_a", "now", index=0))], [("call_a", "now", "")]),
    "nothing where there could be a call": (
        [called(), delta(tool_calls=None), delta(tool_calls="no"), called({}, call("call_x")), called(call("call_a", "now"))],
        [("call_x", "now", "")],
    ),
    "odd characters": (
        [called(call("call_a", "na\nme\0", '{"a": "\0', index=0)), called(call(None, None, '"}', index=0))],
        [("call_a", "name", '{"a": ""}')],
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("finish", [CALLED, STOPPED], ids=["tool_calls", "stop"])
def test_every_form_of_a_call_is_read(stop: Stop, shape: str, finish: dict[str, Any]) -> None:
    chunks, calls = SHAPES[shape]

    received = told(stop, *chunks, finish, b"[DONE]")

    assert received.calls == tuple(ToolCall(*call) for call in calls)
    assert received.end == "calls"


def test_a_surrogate_pair_in_halves_is_joined(stop: Stop) -> None:
    halves = [rb'{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"n","arguments":"\ud83d"}}]}}]}']
    halves.append(rb'{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\ude00"}}]}}]}')

    assert told(stop, *halves, CALLED).calls == (ToolCall("a", "n", "\U0001f600"),)


@pytest.mark.parametrize(
    ("finish", "reason"), [("tool_calls", "calls"), ("stop", "calls"), ("length", "length"), ("content_filter", "content_filter")]
)
def test_a_cut_call_is_not_taken_for_a_whole_one(stop: Stop, finish: str, reason: str) -> None:
    chunks = [called(call("call_a", "search_web", '{"que', index=0)), {"choices": [{"delta": {}, "finish_reason": finish}]}]

    assert told(stop, *chunks).end == reason
    assert told(stop, *chunks[:1]).end == "cut"


def test_an_end_with_calls_needs_a_call(stop: Stop) -> None:
    assert told(stop, TOLD, CALLED).end == "stop"


@pytest.mark.parametrize("how", [{"tools": ()}, {"tool_choice": "none"}], ids=str)
def test_a_call_that_was_not_allowed_is_none(stop: Stop, how: dict[str, Any]) -> None:
    received = told(stop, TOLD, called(call("call_a", "search_web", QUERY)), CALLED, **how)

    assert (received.text, received.calls, received.end) == ("told", (), "stop")


def test_made_ids_are_new_in_the_request(stop: Stop) -> None:
    earlier = Turn("assistant", "", calls=(ToolCall("call_1", "now", ""), ToolCall("call_a", "now", "")))
    chunk = called(call(None, "now", "{}"), call("call_a", "now", "{}"), call("call_4", "now", "{}"), call("", "now", ""))

    provider = OpenAIProvider("canned", "http://canned/v1", KEY, Canned(lines(chunk, CALLED)))  # type: ignore[arg-type]
    received = collect(provider.stream(ModelRequest("m", (Turn("user", "Hi"), earlier), tools=(SEARCH,)), stop))

    assert [made.id for made in received.calls] == ["call_2", "call_3", "call_4", "call_5"]


def test_there_is_a_limit_to_calls(stop: Stop) -> None:
    most = [called(call(None, "now", "{}", index=number)) for number in range(MOST_CALLS)]
    assert len(told(stop, *most, CALLED).calls) == MOST_CALLS

    received = told(stop, *most, called(call(None, "now", "{}", index=MOST_CALLS)), CALLED)

    assert received.end == "invalid"
    assert received.failure
    assert received.failure.message == "The model called more than 64 tools at once."
    assert told(stop, called(*[{}] * (MOST_CALLS + 1)), CALLED).end == "stop"


@pytest.mark.parametrize("size", [1000, MOST_ARGUMENTS])
def test_there_is_a_limit_to_arguments(stop: Stop, size: int) -> None:
    most = [called(call("a", "now", "", index=0)), *[called(call(None, None, "x" * size, index=0))] * (MOST_ARGUMENTS // size)]
    assert len(told(stop, *most, CALLED).calls[0].arguments) == MOST_ARGUMENTS

    received = told(stop, *most, called(call(None, None, "x", index=0)), CALLED)

    assert received.end == "invalid"
    assert received.failure
    assert received.failure.message == "The model called a tool with more than 1,000,000 characters."


@pytest.mark.parametrize("size", [999, MOST_ARGUMENTS + 5])
def test_a_tool_of_ours_is_called_with_one_character_too_many(size: int) -> None:
    request = ModelRequest("m", (), tools=(ToolSpec("now", "", "{}", is_checked=True),))
    calls = Calls(request, "s")
    for piece in (*["x" * size] * (MOST_ARGUMENTS // size + 3), "}"):
        calls.add(0, "a", "now", piece)
    assert len(calls.all[0].arguments) == MOST_ARGUMENTS + 1
    with pytest.raises(ProviderError):
        calls.add(0, "a", "now", "x" * MOST_READ)


def test_a_long_name_is_cut(stop: Stop) -> None:
    assert told(stop, called(call("a", "n" * 500)), CALLED).calls[0].tool == "n" * 200


def test_a_call_ends_the_search_for_reasoning() -> None:
    calling, kept, end = Calling(0, "a", "now"), Kept("{}"), Ended("completed", "calls")
    events: list[Event] = [Started("m", "p"), Delta("<thi"), calling, Calling(0, arguments="{}"), kept, end]
    assert list(split(iter(events), "auto")) == events

    events = [Started("m", "p"), Delta("<think>why</think>\nYes."), calling, kept, end]
    assert list(split(iter(events), "auto")) == [Started("m", "p"), Reasoning("why"), Delta("Yes."), calling, kept, end]


def test_a_whole_reply_keeps_its_calls_when_its_reasoning_is_separated() -> None:
    calls = (ToolCall("a", "now", "{}"),)
    reply = Reply("<think>why</think>Yes.", "", None, "calls", "m", calls, "kept")

    assert split_whole(reply, "auto") == Reply("Yes.", "why", None, "calls", "m", calls, "kept")


def test_a_whole_reply_is_told_like_a_streamed_one() -> None:
    calls = (ToolCall("a", "now", "{}"), ToolCall("b", "search_web", QUERY))

    assert list(events_of(Reply("Yes.", "why", Usage(1), "calls", "m", calls, "kept"))) == [
        Reasoning("why"),
        Delta("Yes."),
        Calling(0, "a", "now", "{}"),
        Calling(1, "b", "search_web", QUERY),
        Usage(1),
        Kept("kept"),
        Ended("completed", "calls"),
    ]


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ([call("call_a", "search_web", QUERY, type="function")], ONE),
        ([call("call_a", "search_web", {"query": "mills"})], ONE),
        ([call(None, "search_web", QUERY), call(None, "search_web", "{}")], TWO),
        ([call("call_1", "search_web", QUERY, index=0), call("call_2", "search_web", "{}", index=0)], TWO),
        ([call(None, "now", ""), call(None, "now", "")], [("call_1", "now", ""), ("call_2", "now", "")]),
    ],
)
@pytest.mark.parametrize("finish", ["tool_calls", "stop"])
def test_a_whole_reply_has_its_calls(
    stop: Stop, calls: list[dict[str, Any]], expected: list[tuple[str, str, str]], finish: str
) -> None:
    reply = whole(stop, {"content": None, "tool_calls": calls}, finish)

    assert reply.calls == tuple(ToolCall(*call) for call in expected)
    assert (reply.text, reply.reason, reply.kept) == ("", "calls", "")
    assert whole(stop, {"content": "Hi", "tool_calls": None}, "stop") == Reply("Hi", "", Usage(model="m"), "stop", "m")


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_is_kept_by_its_name(stop: Stop, name: str) -> None:
    calls = called(call("call_a", "now", "{}"))
    expected = {"origin": "canned m", "message": {name: "Let me see."}, "calls": {}}

    received = told(stop, *(delta(**{name: word}) for word in ("Let ", "me ", "see.")), calls, CALLED)

    assert kept_of(received) == expected
    assert [type(event) for event in received.events[-2:]] == [Kept, Ended]
    assert kept_of(whole(stop, {name: "Let me see.", "tool_calls": [call("call_a", "now", "{}")]})) == expected


def test_nothing_is_kept_without_a_call(stop: Stop) -> None:
    assert not told(stop, delta(reasoning_content="Hm."), TOLD, STOPPED).kept
    assert not told(stop, called(call("call_a", "now", "{}")), CALLED).kept


def test_the_signature_of_a_call_is_kept(stop: Stop) -> None:
    signed = {"extra_content": {"google": {"thought_signature": "c2lnbmVk"}}}

    received = told(stop, called(call("call_a", "now", "{}", **signed), call("call_b", "now", "{}")), CALLED)

    assert kept_of(received)["calls"] == {"call_a": signed}


def detail(kind: str = "reasoning.text", **fields: Any) -> dict[str, Any]:
    return {"type": kind, **fields}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (
            [detail(text="Let ", index=0), detail(text="me.", index=0), detail(signature="s", format="f", index=0)],
            [detail(text="Let me.", index=0, signature="s", format="f")],
        ),
        (
            [detail("reasoning.summary", summary="A", index=0), detail("reasoning.summary", summary="B", index=0)],
            [detail("reasoning.summary", summary="AB", index=0)],
        ),
        ([detail(text="A", index=0), detail(text="B", index=1)], [detail(text="A", index=0), detail(text="B", index=1)]),
        ([detail(text="A", signature="s"), detail(text="B", signature="t")],) * 2,
        (
            [detail(text="A", signature=None, index=0), detail(text="", signature="s", index=0)],
            [detail(text="A", signature="s", index=0)],
        ),
        ([detail("reasoning.encrypted", data="x", index=0), detail("reasoning.encrypted", data="y", index=0)],) * 2,
        ([detail(text="A", index=0), detail("reasoning.encrypted", data="x", id="rs_1", index=0)],) * 2,
        ([detail("a_new_one", odd={"deep": [1]}, index=0)],) * 2,
        ([detail(["odd"], text="A")],) * 2,
    ],
)
def test_the_details_of_reasoning_are_kept_unchanged(
    stop: Stop, sent: Sequence[dict[str, Any]], kept: Sequence[dict[str, Any]]
) -> None:
    chunks = [delta(reasoning=str(part.get("text") or ""), reasoning_details=[part]) for part in sent]

    received = routed(stop, *chunks, called(call("call_a", "now", "{}")), CALLED)

    assert kept_of(received)["message"] == {"reasoning_details": kept}
    message = {"reasoning": "A", "reasoning_details": kept, "tool_calls": [call("call_a", "now", "{}")]}
    assert kept_of(whole(stop, message))["message"] == {"reasoning_details": kept}


@pytest.mark.parametrize("field", ["reasoning", "reasoning_details"])
def test_more_reasoning_than_can_be_kept_is_left_out(stop: Stop, field: str) -> None:
    words = "x" * 100_000
    chunk = delta(reasoning=words) if field == "reasoning" else delta(reasoning_details=[detail(text=words, index=0)])
    chunks = [chunk] * (MOST_KEPT // len(words) + 1)

    received = told(stop, *chunks, called(call("call_a", "now", "{}")), CALLED)

    assert (received.kept, received.end) == ("", "calls")
    assert len(received.reasoning) > MOST_KEPT


def test_claude_calls_in_blocks(stop: Stop) -> None:
    received = claude(
        stop,
        block(0, "text", text=""),
        of_block(0, "text_delta", text="I look."),
        block(1, "tool_use", id="toolu_a", name="search_web", input={}),
        of_block(1, "input_json_delta", partial_json=""),
        of_block(1, "input_json_delta", partial_json='{"query": '),
        of_block(1, "input_json_delta", partial_json='"mills"}'),
        block(2, "tool_use", id="toolu_b", name="now", input={}),
        stopped_by("tool_use"),
    )

    assert received.events[1:] == [
        Delta("I look."),
        Calling(0, "toolu_a", "search_web", '{"query": "mills"}'),
        Calling(1, "toolu_b", "now"),
        Ended("completed", "calls"),
    ]


@pytest.mark.parametrize(
    "events",
    [
        [block(0, "tool_use", id="call_a", name="search_web", input={"query": "mills"})],
        [
            {"type": "content_block_start", "content_block": {"type": "tool_use", "id": "call_a", "name": "search_web"}},
            {"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": QUERY}},
        ],
    ],
    ids=["the arguments at once", "no index"],
)
@pytest.mark.parametrize("reason", ["tool_use", "end_turn"])
def test_relays_call_in_their_own_way(stop: Stop, events: list[dict[str, Any]], reason: str) -> None:
    received = claude(stop, *events, stopped_by(reason))

    assert (received.calls, received.end) == ((ToolCall(*ONE[0]),), "calls")
    assert claude(stop, *events, stopped_by("max_tokens")).end == "length"


def test_claude_has_the_same_limits(stop: Stop) -> None:
    assert claude(stop, *(block(number, "tool_use", name="now") for number in range(MOST_CALLS + 1))).end == "invalid"
    long = [of_block(0, "input_json_delta", partial_json="x" * 500_001)] * 2
    assert claude(stop, block(0, "tool_use", name="now"), *long).end == "invalid"


def test_the_thoughts_before_calls_are_kept_with_their_places(stop: Stop) -> None:
    received = claude(
        stop,
        block(0, "thinking", thinking="", signature=""),
        of_block(0, "thinking_delta", thinking="Let me "),
        of_block(0, "thinking_delta", thinking="see."),
        of_block(0, "signature_delta", signature="c2ln"),
        of_block(0, "signature_delta", signature="bmVk"),
        block(1, "redacted_thinking", data="secret"),
        block(2, "text", text=""),
        of_block(2, "text_delta", text="I look."),
        block(3, "tool_use", id="toolu_a", name="now", input={}),
        of_block(3, "input_json_delta", partial_json="{}"),
        block(4, "thinking", thinking=""),
        of_block(4, "signature_delta", signature="unseen"),
        block(5, "tool_use", id="toolu_b", name="now", input={}),
        stopped_by("tool_use"),
    )

    assert received.reasoning == "Let me see."
    assert kept_of(received) == {
        "origin": "canned m",
        "blocks": [
            {"type": "thinking", "signature": "c2lnbmVk", "thinking": "Let me see."},
            {"type": "redacted_thinking", "data": "secret"},
            {"type": "text", "length": 7},
            {"type": "tool_use"},
            {"type": "thinking", "signature": "unseen", "thinking": ""},
            {"type": "tool_use"},
        ],
    }


def test_thoughts_without_calls_are_not_kept(stop: Stop) -> None:
    thought = [block(0, "thinking", thinking=""), of_block(0, "thinking_delta", thinking="Hm.")]

    assert not claude(stop, *thought, block(1, "text", text="Hi"), stopped_by("end_turn")).kept
    assert not claude(stop, block(1, "tool_use", id="a", name="now"), stopped_by("tool_use")).kept
    too_long = [of_block(0, "thinking_delta", thinking="x" * 100_000)] * (MOST_KEPT // 100_000 + 1)
    assert not claude(stop, *thought, *too_long, block(1, "tool_use", id="a", name="now"), stopped_by("tool_use")).kept


def test_thoughts_of_a_relay_that_begins_no_blocks_are_kept(stop: Stop) -> None:
    thought = [of_block(0, "thinking_delta", thinking="Hm."), of_block(1, "text_delta", text="Hi")]

    received = claude(stop, *thought, block(2, "tool_use", id="a", name="now"), stopped_by("tool_use"))

    assert kept_of(received)["blocks"] == [
        {"type": "thinking", "thinking": "Hm."},
        {"type": "text", "length": 2},
        {"type": "tool_use"},
    ]


def test_a_whole_message_has_its_calls(stop: Stop) -> None:
    content = [
        {"type": "thinking", "thinking": "Hm.", "signature": "s"},
        {"type": "text", "text": "I look."},
        {"type": "tool_use", "id": "toolu_a", "name": "search_web", "input": {"query": "mills"}},
    ]
    sent = json.dumps({"model": "m", "content": content, "stop_reason": "tool_use"}).encode()
    provider = AnthropicProvider(KEY, Canned(sent, headers=JSON), base_url="http://canned")  # type: ignore[arg-type]

    reply = provider.complete(request(), stop)

    assert (reply.text, reply.reasoning, reply.reason) == ("I look.", "Hm.", "calls")
    assert reply.calls == (ToolCall("toolu_a", "search_web", QUERY),)
    assert kept_of(reply)["blocks"] == [content[0], {"type": "text", "length": 7}, {"type": "tool_use"}]
