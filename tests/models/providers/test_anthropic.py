"""Anthropic's Messages API: the requests, the events, and continuing an answer."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.models.providers.canned import Canned, lines
from tests.models.providers.received import KEY, Received, collect, request_for
from tests.upstream.handle import MESSAGES, Upstream as Fake
from webapp.models.providers.anthropic import OPENING, AnthropicProvider, body
from webapp.models.providers.base import CONTINUE_INSTRUCTION, Model, ModelRequest, ProviderError, Turn
from webapp.models.upstream import Upstream
from webapp.streaming.events import Ended, Started, Usage
from webapp.streaming.stop import Stop

Make = Callable[..., AnthropicProvider]
START = {"type": "message_start", "message": {"model": "claude-x", "usage": {"input_tokens": 7, "output_tokens": 1}}}
TOLD = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "told"}}
STOPPED = {"type": "message_stop"}


@pytest.fixture
def claude(fake: Fake, outgoing: Upstream) -> Make:
    def make(key: str = KEY, **how: Any) -> AnthropicProvider:
        return AnthropicProvider(key, outgoing, **{"base_url": fake.base_url, "trust": "operator", **how})

    return make


def told(stop: Stop, *values: Any) -> Received:
    provider = AnthropicProvider(KEY, Canned(lines(*values)), base_url="http://canned")  # type: ignore[arg-type]
    return collect(provider.stream(request_for(), stop))


def ended(reason: str | None, **usage: Any) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage}


def asked(*turns: Turn, model: str = "claude-sonnet-4-5", **how: Any) -> dict[str, Any]:
    return body(ModelRequest(model, turns, **how), "instruct", is_streamed=True)


def test_an_answer_arrives_in_order(fake: Fake, claude: Make, stop: Stop) -> None:
    fake.always({"says": "One two three.", "reasoning": "Let me count."}, at=MESSAGES)

    received = collect(claude().stream(request_for(model="claude-x"), stop))

    assert received.events[:2] == [Started("claude-x", "anthropic"), Usage(10, model="claude-x")]
    assert (received.reasoning, received.text) == ("Let me count.", "One two three.")
    assert received.events[-2:] == [Usage(10, 3, model="claude-x"), Ended("completed", "stop")]


def test_it_asks_in_its_own_words(fake: Fake, claude: Make, stop: Stop) -> None:
    collect(claude().stream(request_for("Hello?", model="claude-x"), stop))

    entry = fake.log()[0]
    assert entry["path"] == "/api/v1/messages"
    assert entry["body"] == {
        "model": "claude-x",
        "messages": [{"role": "user", "content": "Hello?"}],
        "max_tokens": 64_000,
        "stream": True,
    }
    assert (entry["headers"]["x-api-key"], entry["headers"]["anthropic-version"]) == (KEY, "2023-06-01")
    assert "authorization" not in entry["headers"]


def test_instructions_stand_apart() -> None:
    body = asked(Turn("system", "Be kind."), Turn("system", "Be short."), Turn("user", "Hi"), Turn("system", "In verse."))

    assert body["system"] == "Be kind.\n\nBe short."
    assert body["messages"] == [{"role": "user", "content": "Hi\n\nIn verse."}]


@pytest.mark.parametrize(
    ("turns", "messages"),
    [
        (["u:a", "a:b", "u:c"], ["u:a", "a:b", "u:c"]),
        (["u:a", "u:b", "a:c", "a:d", "u:e"], ["u:a\n\nb", "a:c\n\nd", "u:e"]),
        (["a:Welcome.", "u:Hi"], [f"u:{OPENING}", "a:Welcome.", "u:Hi"]),
        (["u:a", "a: \n", "u:b"], ["u:a\n\nb"]),
        ([], [f"u:{OPENING}"]),
        (["s:Be kind."], [f"u:{OPENING}"]),
    ],
)
def test_roles_take_turns(turns: list[str], messages: list[str]) -> None:
    roles: dict[str, Any] = {"u": "user", "a": "assistant", "s": "system"}

    body = asked(*(Turn(roles[turn[0]], turn[2:]) for turn in turns))

    assert [f"{message['role'][0]}:{message['content']}" for message in body["messages"]] == messages


def test_an_answer_goes_on_by_instruction(fake: Fake, claude: Make, stop: Stop) -> None:
    fake.always({"counted": 3}, at=MESSAGES)

    received = collect(claude().stream(request_for("Count.", "w000001 w00", is_continuation=True), stop))

    assert received.text == "0002 w000003"
    assert fake.log()[0]["body"]["messages"][1:] == [
        {"role": "assistant", "content": "w000001 w00"},
        {"role": "user", "content": CONTINUE_INSTRUCTION},
    ]


def test_an_older_model_may_be_given_its_beginning(fake: Fake, claude: Make, stop: Stop) -> None:
    collect(claude(continuation="prefill").stream(request_for("Count.", "w000001 ", is_continuation=True), stop))

    assert fake.log()[0]["body"]["messages"][-1] == {"role": "assistant", "content": "w000001"}


@pytest.mark.parametrize(
    ("model", "longest", "thinking", "temperature"),
    [
        ("claude-3-haiku-20240307", 4096, "", 0.5),
        ("claude-3-5-sonnet-latest", 8192, "", 0.5),
        ("claude-3-7-sonnet-20250219", 32_000, "enabled", 0.5),
        ("claude-sonnet-4-20250514", 32_000, "enabled", 0.5),
        ("claude-opus-4-1-20250805", 32_000, "enabled", 0.5),
        ("claude-haiku-4-5", 32_000, "enabled", 0.5),
        ("claude-sonnet-4-6", 64_000, "adaptive", 0.5),
        ("claude-opus-4-7", 64_000, "adaptive", None),
        ("claude-next-5", 64_000, "adaptive", None),
        ("somebody-elses", 4096, "", 0.5),
    ],
)
def test_each_family_gets_what_it_takes(model: str, longest: int, thinking: str, temperature: float | None) -> None:
    plain = asked(Turn("user", "Hi"), model=model, temperature=0.5)
    hard = asked(Turn("user", "Hi"), model=model, temperature=0.5, effort="high")

    assert (plain["max_tokens"], plain.get("temperature"), "thinking" in plain) == (longest, temperature, False)
    assert hard.get("thinking", {}).get("type", "") == thinking
    assert ("output_config" in hard) == (thinking == "adaptive")
    assert ("temperature" in hard) == (not thinking)


def test_a_limit_is_for_the_answer_and_not_for_the_thinking() -> None:
    body = asked(Turn("user", "Hi"), max_tokens=500, effort="low")

    assert (body["max_tokens"], body["thinking"]["budget_tokens"]) == (2548, 2048)
    assert asked(Turn("user", "Hi"), max_tokens=500, effort="none")["max_tokens"] == 500


def test_a_temperature_above_its_scale_is_its_highest() -> None:
    assert asked(Turn("user", "Hi"), temperature=1.7)["temperature"] == 1.0


@pytest.mark.parametrize(
    ("reason", "end"),
    [
        *((reason, "stop") for reason in ("end_turn", "stop_sequence", "tool_use", "pause_turn", "a_new_one", None)),
        *(("max_tokens", "length"), ("model_context_window_exceeded", "length"), ("refusal", "content_filter")),
    ],
)
def test_the_reason_of_the_end_is_kept(stop: Stop, reason: str | None, end: str) -> None:
    assert told(stop, START, TOLD, ended(reason), STOPPED).end == end


def test_only_the_marker_is_an_end(stop: Stop) -> None:
    received = told(stop, START, TOLD, ended("end_turn", output_tokens=5))

    assert (received.text, received.end) == ("told", "cut")
    assert received.usage == Usage(7, 5, model="claude-x")


def test_nobody_waits_after_the_marker(fake: Fake, claude: Make, stop: Stop) -> None:
    fake.always({"steps": [{"send": lines(START, TOLD, STOPPED, TOLD).decode()}, {"hang": True}]}, at=MESSAGES)

    received = collect(claude().stream(request_for(), stop))

    assert (received.text, received.end) == ("told", "stop")


def test_usage_counts_from_the_beginning(stop: Stop) -> None:
    cached = {"input_tokens": 3, "cache_read_input_tokens": 100, "cache_creation_input_tokens": None}

    assert told(stop, START, ended(None, output_tokens=5), ended("end_turn", output_tokens=9), STOPPED).usage == Usage(
        7, 9, model="claude-x"
    )
    assert told(stop, START, ended("end_turn", output_tokens=9, **cached), STOPPED).usage == Usage(103, 9, model="claude-x")
    assert told(stop, START, ended("end_turn", output_tokens=9, input_tokens=0), STOPPED).usage == Usage(7, 9, model="claude-x")


@pytest.mark.parametrize(
    "event",
    [
        *({"type": "ping"}, {"type": "a_new_one", "delta": {"type": "text_delta", "text": "no"}}, {}, {"type": 7}),
        *({"type": "content_block_delta"}, {"type": "content_block_delta", "delta": None}, {"type": "content_block_stop"}),
        {"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": "{"}},
        {"type": "content_block_delta", "delta": {"type": "signature_delta", "signature": "no"}},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": None}},
        {"type": "content_block_start", "content_block": {"type": "redacted_thinking", "data": "no"}},
        *({"type": "message_delta"}, {"type": "message_delta", "delta": {}, "usage": 7}),
    ],
)
def test_what_says_nothing_adds_nothing(stop: Stop, event: dict[str, Any]) -> None:
    received = told(stop, START, TOLD, event, TOLD, ended("end_turn"), STOPPED)

    assert (received.text, received.reasoning, received.end) == ("toldtold", "", "stop")


def test_a_block_may_begin_with_words(stop: Stop) -> None:
    start = {"type": "content_block_start", "content_block": {"type": "text", "text": "well "}}

    assert told(stop, START, start, TOLD, STOPPED).text == "well told"


def test_no_stream_is_asked_for_a_whole_reply(fake: Fake, claude: Make, stop: Stop) -> None:
    fake.always({"says": "One two.", "reasoning": "Hm.", "finish": "length"}, at=MESSAGES)

    reply = claude().complete(request_for(model="claude-x"), stop)

    assert (reply.text, reply.reasoning, reply.reason, reply.model) == ("One two.", "Hm.", "length", "claude-x")
    assert reply.usage == Usage(10, 2, model="claude-x")
    assert fake.log()[0]["body"]["stream"] is False


@pytest.mark.parametrize("value", [{}, {"content": "text"}, {"type": "message"}, 7])
def test_json_that_is_no_answer_is_not_taken_for_one(fake: Fake, claude: Make, stop: Stop, value: Any) -> None:
    fake.always({"json": value}, at=MESSAGES)

    assert collect(claude().stream(request_for(), stop)).end == "invalid"


def test_all_pages_of_models_are_read(fake: Fake, claude: Make) -> None:
    effort = {"supported": True, "low": {"supported": True}, "medium": {"supported": False}, "max": {"supported": True}}
    first = {"id": "claude-a-5", "display_name": "A", "max_input_tokens": 200_000, "capabilities": {"effort": effort}}
    pages = [
        {"data": [first, {"id": None}], "has_more": True, "last_id": "claude-a-5"},
        {"data": [{"id": "claude-haiku-4-5"}, {"id": "claude-2", "lifecycle": "retired"}], "has_more": False, "last_id": "x"},
    ]
    fake.behaves([{"json": page} for page in pages], at="/models")

    assert claude().models() == (
        Model("claude-a-5", "A", 200_000, efforts=("low", "max"), abilities=("vision", "tools", "reasoning", "stop")),
        Model(
            "claude-haiku-4-5",
            "claude-haiku-4-5",
            efforts=("low", "medium", "high"),
            abilities=("vision", "tools", "reasoning", "top_p", "stop", "top_k"),
        ),
    )
    assert [entry["path"].partition("?")[2] for entry in fake.log()] == ["limit=1000", "limit=1000&after_id=claude-a-5"]


def test_pages_without_end_are_not_read_for_ever(fake: Fake, claude: Make) -> None:
    fake.always({"json": {"data": [], "has_more": True, "last_id": "x"}}, at="/models")

    assert claude().models() == ()
    assert len(fake.log()) == 10


def test_a_key_is_checked_where_it_counts(fake: Fake, claude: Make) -> None:
    assert claude().check_key() == "127.0.0.1 accepted the key."
    assert fake.log()[0]["path"] == "/api/v1/models?limit=1"
    with pytest.raises(ProviderError, match="rejected the key"):
        claude("bad-key-of-somebody").check_key()


@pytest.mark.parametrize("prefix", ["", "/v1", "/v1/", "/"])
def test_an_address_without_its_version_is_understood(fake: Fake, claude: Make, prefix: str) -> None:
    claude(base_url=fake.url + prefix).check_key()

    assert fake.log()[0]["path"] == "/v1/models?limit=1"


def test_nothing_is_settled_afterwards(claude: Make) -> None:
    assert claude().settle("msg_1") is None


def test_a_stop_is_a_plain_end(fake: Fake, claude: Make, stop: Stop) -> None:
    fake.always({"counted": 4000, "pace": 0.01}, at=MESSAGES)
    received = Received()
    for event in claude().stream(request_for(), stop):
        received.events.append(event)
        if "w000005" in received.text:
            stop.request("user")

    assert not received.end
    fake.until(lambda log: log[0]["client_closed"])
