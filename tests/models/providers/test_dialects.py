"""An answer is read the same in every server's format, however it is chunked; a truncated one is read as a prefix of it."""

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.models.providers.received import KEY, SEARCH, collect, is_answer, request_for
from tests.models.providers.streams import MODEL, REQUEST, Sent, Stream, collected_by, provider_of, stream_of
from tests.support.marks import few_of
from tests.support.rounds import ROUNDS
from tests.upstream.behaviours import bytes_of, played
from tests.upstream.dialects import DIALECTS
from tests.upstream.handle import CHAT, MESSAGES, Upstream as Fake
from webapp.models.providers.base import ToolCall, ToolResult, Turn
from webapp.models.upstream import Upstream
from webapp.streaming.stop import Stop

NewStop = Callable[[], Stop]
SHORT = ["Grüße ", "\U0001f600", 'a "b"\\\n']
CALLS = (
    ToolCall("", "search_web", '{"query": "naïve"}'),
    ToolCall("", "search_web", '{"query": "\\u6771"}'),
    ToolCall("", "now", "{}"),
)
# In a single round, streams end or are cut at one byte in seven, which meets every kind of place in them.
STEP, EXAMPLES = (1, 300) if ROUNDS > 1 else (7, 100)
ENDS = ["stop", "length", "content_filter", "error", "cut"]

ARGUMENTS = st.dictionaries(
    st.text('abü"', max_size=4), st.one_of(st.integers(), st.text("x {}\\\n"), st.lists(st.booleans())), max_size=3
)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30).filter(is_answer)
calls = st.builds(
    ToolCall,
    st.one_of(st.just(""), st.text("abc", min_size=1, max_size=9)),
    st.sampled_from(["search_web", "read-page"]),
    ARGUMENTS.map(json.dumps),
)
some_calls = st.lists(calls, max_size=3, unique_by=lambda call: call.id or object()).map(tuple)
answers = st.builds(
    Sent, st.lists(texts, max_size=8), st.text("abc ü\n", max_size=30), st.sampled_from(ENDS), st.one_of(st.just(()), some_calls)
)
dialects = st.sampled_from(sorted(DIALECTS))
newlines = st.sampled_from(["\n", "\r\n", "\r"])
seeds = st.integers(0, 10_000)


@st.composite
def streams(draw: st.DrawFn) -> Stream:
    """An answer in any dialect, with any oddities of its server."""
    how = {"newline": draw(newlines), "space": draw(st.sampled_from(["", " "])), "done": draw(st.booleans())}
    return stream_of(draw(dialects), draw(answers), seed=draw(seeds), **how)


@pytest.mark.slow
@pytest.mark.rounds
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=EXAMPLES, deadline=None)
@given(stream=streams(), cuts=st.lists(st.integers(0, 6000), max_size=30))
def test_every_dialect_in_every_framing_says_the_same(new_stop: NewStop, stream: Stream, cuts: list[int]) -> None:
    edges = sorted({0, len(stream.content), *(cut for cut in cuts if cut < len(stream.content))})

    received = collected_by(stream.dialect, new_stop(), *(stream.content[a:b] for a, b in pairwise(edges)), tools=(SEARCH,))

    assert (received.text, received.reasoning, received.end) == (stream.sent.text, stream.reasoning, stream.reason)
    assert [without_id(call) for call in received.calls] == [without_id(call) for call in stream.sent.calls]
    assert len({call.id for call in received.calls}) == len(received.calls)
    if stream.sent.end not in ("error", "cut"):
        assert received.usage == stream.usage


@pytest.mark.slow
@pytest.mark.rounds
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=EXAMPLES, deadline=None)
@given(stream=streams(), share=st.floats(0, 1), breaks=st.booleans())
def test_what_is_left_of_it_is_a_beginning(new_stop: NewStop, stream: Stream, share: float, breaks: bool) -> None:
    check_beginning(new_stop, stream, int(share * (len(stream.content) - 1)), breaks=breaks)


@pytest.mark.slow
@pytest.mark.rounds
# Errors are cut at any place above.
@pytest.mark.parametrize("end", few_of(["stop", "error"]))
@pytest.mark.parametrize("sent_calls", [(), CALLS], ids=["text", "calls"])
@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_an_end_at_every_byte_leaves_a_beginning(
    new_stop: NewStop, dialect: str, sent_calls: tuple[ToolCall, ...], end: str
) -> None:
    stream = stream_of(dialect, Sent(SHORT, "hm ü", end, sent_calls), seed=1)

    for at in places(stream.content):
        check_beginning(new_stop, stream, at, breaks=bool(at % 2))


@pytest.mark.rounds
@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_calls_cut_at_every_byte_are_put_together(new_stop: NewStop, dialect: str) -> None:
    stream = stream_of(dialect, Sent(["I look. "], "hm", "stop", CALLS), seed=7)
    for at in places(stream.content):
        received = collected_by(dialect, new_stop(), stream.content[:at], stream.content[at:], tools=(SEARCH,))
        assert (received.text, received.end) == ("I look. ", "calls"), at
        assert [without_id(call) for call in received.calls] == [without_id(call) for call in CALLS], at
        assert bool(received.kept) == DIALECTS[dialect].tells_reasoning, at


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_calls_that_nobody_asked_for_are_ignored(new_stop: NewStop, dialect: str) -> None:
    stream = stream_of(dialect, Sent(["I look. "], "", "stop", CALLS), seed=7)

    received = collected_by(dialect, new_stop(), stream.content)

    assert (received.text, received.calls, received.kept, received.end) == ("I look. ", (), "", "stop")


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_a_whole_reply_calls_the_same(new_stop: NewStop, dialect: str) -> None:
    asked = {**REQUEST, "stream": False, "tools": [{}]}
    arguments = [{"tool": call.tool, "arguments": call.arguments, "id": call.id} for call in CALLS]
    steps = played({"says": "", "reasoning": "hm", "dialect": dialect, "calls": arguments}, asked).steps
    content = b"".join(bytes_of(step) for step in steps if "send" in step)

    for kind in ("application/json", "text/event-stream"):
        received = collected_by(dialect, new_stop(), content, headers={"Content-Type": kind}, tools=(SEARCH,))
        assert (received.text, received.reasoning, received.end) == ("", "hm", "calls")
        assert [(call.tool, json.loads(call.arguments)) for call in received.calls] == [
            (call.tool, json.loads(call.arguments)) for call in CALLS
        ]
        assert received.kept


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_a_run_of_rounds_over_a_real_connection(fake: Fake, outgoing: Upstream, new_stop: NewStop, dialect: str) -> None:
    """Each next request contains what the one before returned, in the form in which the upstream recognises it."""
    call = {"tool": "search_web", "arguments": {"query": "mills"}}
    rounds = [{"says": "I look.", "reasoning": "hm", "calls": [call, call]}, {"calls": [call]}, {"says": "It turns."}]
    fake.always({"rounds": [{"dialect": dialect, **round} for round in rounds]}, at=MESSAGES if dialect == "anthropic" else CHAT)
    provider = provider_of(dialect, outgoing, base_url=fake.base_url, key=KEY, trust="operator")
    request = request_for("How does a mill work?", model=MODEL, tools=(SEARCH,))

    ends, texts, ids = [], [], list[str]()
    while not ends or ends[-1] == "calls":
        received = collect(provider.stream(request, new_stop()))
        ends.append(received.end)
        texts.append(received.text)
        ids += [call.id for call in received.calls]
        turn = Turn("assistant", received.text, calls=received.calls, kept=received.kept)
        results = Turn("tool", "", results=tuple(ToolResult(call.id, "By water.") for call in received.calls))
        request = replace(request, turns=(*request.turns, turn, results))

    assert (ends, texts) == (["calls", "calls", "stop"], ["I look.", "", "It turns."])
    assert len(set(ids)) == 3


def places(content: bytes) -> range:
    return range(0, len(content), STEP)


def without_id(call: ToolCall) -> ToolCall:
    return replace(call, id="")


def check_beginning(new_stop: NewStop, stream: Stream, at: int, *, breaks: bool) -> None:
    received = collected_by(stream.dialect, new_stop(), stream.content[:at], breaks=breaks, tools=(SEARCH,))

    assert stream.sent.text.startswith(received.text), at
    assert stream.reasoning.startswith(received.reasoning), at
    for call, sent_call in zip(received.calls, stream.sent.calls, strict=False):
        assert sent_call.arguments.startswith(call.arguments), at
        assert call.tool == sent_call.tool, at
    assert received.end == (stream.reason if stream.settled_at is not None and at >= stream.settled_at else "cut"), at
    if received.usage:
        assert received.usage.input_tokens in (None, 10)
        assert (received.usage.model, received.usage.upstream_id) == (stream.usage.model, stream.usage.upstream_id)


@pytest.mark.parametrize("how", [{"slice": 7}, {"framing": "close", "newline": "\r\n"}, {"framing": "length"}], ids=str)
@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_over_a_real_connection_too(fake: Fake, outgoing: Upstream, stop: Stop, dialect: str, how: dict[str, Any]) -> None:
    speech = {"says": "Grüße an alle.", "reasoning": "hm", "dialect": dialect, "seed": 3, **how}
    fake.always(speech, at=MESSAGES if dialect == "anthropic" else CHAT)
    provider = provider_of(dialect, outgoing, base_url=fake.base_url, key=KEY, trust="operator")

    received = collect(provider.stream(request_for(model="some/model"), stop))

    assert (received.text, received.end) == ("Grüße an alle.", "stop")
    assert received.reasoning == ("hm" if DIALECTS[dialect].tells_reasoning else "")
    assert received.usage
    assert (received.usage.input_tokens, received.usage.output_tokens, received.usage.model) == (10, 3, "some/model")


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_a_whole_reply_says_the_same(new_stop: NewStop, dialect: str) -> None:
    behaviour = {"says": "Grüße an alle.", "reasoning": "hm", "dialect": dialect, "finish": "length"}
    steps = played(behaviour, {**REQUEST, "stream": False}).steps
    content = b"".join(bytes_of(step) for step in steps if "send" in step)

    for kind in ("application/json", "text/event-stream"):
        received = collected_by(dialect, new_stop(), content, headers={"Content-Type": kind})
        assert (received.text, received.reasoning, received.end) == ("Grüße an alle.", "hm", "length")
        assert received.usage
        assert (received.usage.input_tokens, received.usage.output_tokens, received.usage.model) == (10, 3, "some/model")


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_an_error_is_told_in_words_where_the_server_has_some(new_stop: NewStop, dialect: str) -> None:
    received = collected_by(dialect, new_stop(), stream_of(dialect, Sent(SHORT, "", "error")).content)

    assert received.failure
    assert received.failure.retryable
    assert ("It broke." in received.failure.message) == (dialect != "ollama")


def test_the_older_llama_cpp_loses_its_error_and_is_cut(new_stop: NewStop) -> None:
    sent = Sent(SHORT, "", "error")
    older = next(stream for seed in range(100) if (stream := stream_of("llama.cpp", sent, seed=seed)).settled_at is None)

    assert b"\nerror: {" in older.content
    assert collected_by("llama.cpp", new_stop(), older.content).end == "cut"


@pytest.mark.parametrize("dialect", sorted(set(DIALECTS) - {"openrouter", "anthropic"}))
def test_who_is_not_asked_for_the_usage_does_not_tell_it(new_stop: NewStop, dialect: str) -> None:
    unasked = {key: value for key, value in REQUEST.items() if key != "stream_options"}
    steps = list(played({"says": "One.", "dialect": dialect}, unasked).steps)
    received = collected_by(dialect, new_stop(), *(bytes_of(step) for step in steps if "send" in step))

    assert received.end == "stop"
    assert received.usage
    assert (received.usage.input_tokens, received.usage.output_tokens) == (None, None)


def test_every_oddity_comes_up_sometimes() -> None:
    """The property tests above mean little if random data never contains the cases they are about."""
    seen = b"".join(
        stream_of(dialect, Sent(SHORT * 3, "a b c", end, sent_calls), seed=seed).content
        for dialect in DIALECTS
        for seed in range(20)
        for end in ("stop", "error")
        for sent_calls in ((), CALLS)
    )
    oddities = [
        *(b"OPENROUTER PROCESSING", b"\n:\n", b"event: ping", b"a_type_of_next_year", b"signature_delta", b"obfuscation"),
        *(b"timings", b"reasoning_content", b"reasoning_details", b'"content": null', b"\nerror: {", b"native_finish_reason"),
        json.dumps({"stop_reason": None})[1:-1].encode(),
        *(b'"tool_calls": [{"type": "function"', b"chatcmpl-tool-0.", b"input_json_delta", b'"signature"', b'"tool_calls"}'),
    ]
    assert not [oddity for oddity in oddities if oddity not in seen]
