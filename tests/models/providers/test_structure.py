"""Replies with excessive structure, in every place: bounded, without blocking other requests, and with an error message."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.models.providers.received import SEARCH, collect, request_for
from tests.support.marks import few_of
from tests.support.turns import nobody_waits
from tests.upstream.handle import Upstream as Fake
from webapp.models.providers.openai import OpenAIProvider
from webapp.models.providers.openrouter import OpenRouterProvider
from webapp.models.upstream import Upstream
from webapp.streaming.failure import ProviderError
from webapp.streaming.stop import Stop

pytestmark = pytest.mark.slow

MB = 1_000_000
SAID = '{"choices":[{"index":0,"delta":{"content":"x"}}]}'
CALLS = '{"choices":[{"index":0,"delta":{"tool_calls":[%s]}}]}'
PIECE = '{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{%s"arguments":"%s"}}]}}]}'
NAMED = '"name":"search_web",'
THOUGHT = '{"choices":[{"index":0,"delta":{"reasoning_details":[{"type":"reasoning.text","signature":"s","index":0}]}}]}'
# Functions, so that only the test that sends a body builds it, and not every process that imports this module.
BODIES: dict[str, Callable[[], str]] = {
    "lists": lambda: "[" + "[]," * (5 * MB) + "1]",
    "keys": lambda: "{" + ",".join(f'"k{number}":[{{}}]' for number in range(400_000)) + "}",
    "digits": lambda: '{"a":[' + ("9" * 4000 + ",") * 3900 + "1]}",
    "deep": lambda: "[" * (8 * MB),
    "choices": lambda: '{"choices":[' + ",".join(['{"index":1}'] * 90_000) + "]}",
    "calls": lambda: CALLS % ",".join(["{}"] * MB),
}
LINES: dict[str, Callable[[], str]] = {
    "lists": lambda: "data: [" + "[]," * (MB + 300_000) + "1]\n\n",
    "choices": lambda: f"data: {BODIES['choices']()}\n\n",
    "calls": lambda: f"data: {BODIES['calls']()}\n\n",
    "digits": lambda: 'data: {"a":[' + ("9" * 4000 + ",") * 950 + "1]}\n\n",
    "words": lambda: 'data: {"choices":[{"index":0,"delta":{"content":"' + "é" * (3 * MB) + '"}}]}\n\n',
    "small ones": lambda: f"data: {SAID}\n\n" * 60_000,
    "lines": lambda: "data:\n" * 700_000 + "\n",
    "pieces of calls": lambda: f"data: {PIECE % ('', 'x')}\n\n" * 40_000,
    "pieces with a name": lambda: f"data: {PIECE % (NAMED, '}}')}\n\n" * 8_000,
    "arguments": lambda: f"data: {PIECE % (NAMED, 'x' * 3 * MB)}\n\n",
    "signed thoughts": lambda: f"data: {THOUGHT}\n\n" * 40_000,
    "line ends": lambda: "\n" * (4 * MB),
}


@pytest.mark.parametrize("status", few_of([200, 400]))
@pytest.mark.parametrize("kind", BODIES)
def test_a_whole_reply_is_refused_before_it_is_parsed(
    fake: Fake, provider: OpenAIProvider, stop: Stop, kind: str, status: int
) -> None:
    fake.always({"raw": [{"send": head(status, "application/json")}, {"send": BODIES[kind]()}]})

    with_gap_of(lambda: refused(lambda: provider.complete(request_for(), stop)))


@pytest.mark.parametrize("kind", LINES)
def test_a_stream_of_large_lines_lets_others_go_on(fake: Fake, provider: OpenAIProvider, stop: Stop, kind: str) -> None:
    fake.always({"raw": [{"send": head(200, "text/event-stream")}, {"send": LINES[kind]()}, {"send": LINES[kind]()}]})

    received = with_gap_of(lambda: collect(provider.stream(request_for(tools=(SEARCH,)), stop)))

    assert received.failure


@pytest.mark.parametrize("kind", few_of(BODIES))
@pytest.mark.parametrize("ask", ["models", "check_key", "settle", "embed"])
def test_what_is_asked_beside_answers_is_read_alike(fake: Fake, outgoing: Upstream, stop: Stop, kind: str, ask: str) -> None:
    provider = OpenRouterProvider("", outgoing, base_url=fake.base_url, trust="operator")
    asks: dict[str, Callable[[], Any]] = {
        "models": provider.models,
        "check_key": provider.check_key,
        "settle": lambda: provider.settle("gen-1"),
        "embed": lambda: provider.embed("some/vectors", ["a mill"], stop),
    }
    for place in ("/models", "/key", "/generation", "/embeddings"):
        fake.always({"raw": [{"send": head(200, "application/json")}, {"send": BODIES[kind]()}]}, at=place)

    with_gap_of(lambda: refused(asks[ask]))


def test_a_long_list_of_models_is_cut_and_a_usual_one_is_read(fake: Fake, provider: OpenAIProvider) -> None:
    priced = {"prompt": "0.1", "completion": "0.2", "image": "0", "request": "0"}
    usual = {"context_length": 8192, "pricing": priced, "supported_parameters": [f"p{number}" for number in range(30)]}
    fake.always({"json": {"data": [{"id": f"a/{number}", "name": "A" * 500, **usual} for number in range(1000)]}}, at="/models")
    assert len(provider.models()) == 1000

    fake.always({"json": {"data": [{"id": f"a/{number}"} for number in range(40_000)]}}, at="/models")
    assert with_gap_of(lambda: len(provider.models())) == 3000


def test_an_answer_full_of_brackets_is_read(fake: Fake, provider: OpenAIProvider, stop: Stop) -> None:
    text = json.dumps([{"a": [1, 2, "\\"]}] * 60_000)
    fake.always({"json": {"choices": [{"message": {"content": text}}]}})

    assert with_gap_of(lambda: provider.complete(request_for(), stop)).text == text


def head(status: int, kind: str) -> str:
    return f"HTTP/1.1 {status} Scripted\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n"


def refused(ask: Callable[[], Any]) -> None:
    with pytest.raises(ProviderError) as refusal:
        ask()
    assert refusal.value.message.endswith((".", "?", "…"))
    assert len(refusal.value.message) < 600


def with_gap_of(act: Callable[[], Any]) -> Any:
    """Calls `act` and asserts that the event loop is blocked for less than a second."""
    with nobody_waits(1):
        return act()
