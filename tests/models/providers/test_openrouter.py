"""OpenRouter's extensions: identifying the app, the cost, and the remaining credit of the key."""

from collections.abc import Callable
from itertools import takewhile
from typing import Any

import pytest

from tests.models.providers.received import KEY, collect, request_for
from tests.upstream.handle import Upstream as Fake
from webapp.models.providers.base import Model, ProviderError
from webapp.models.providers.error_mapping import may_still_bill
from webapp.models.providers.openrouter import OpenRouterProvider
from webapp.models.upstream import Upstream
from webapp.streaming.events import Delta, Started, Usage
from webapp.streaming.stop import Stop

Make = Callable[..., OpenRouterProvider]
UNKNOWN = {"status": 404, "json": {"error": {"code": 404, "message": "Not found"}}}


@pytest.fixture
def router(fake: Fake, outgoing: Upstream) -> Make:
    def make(key: str = KEY, **how: Any) -> OpenRouterProvider:
        return OpenRouterProvider(key, outgoing, base_url=fake.base_url, trust="operator", **how)

    return make


def test_it_says_who_asks(fake: Fake, router: Make, stop: Stop) -> None:
    collect(router(referer="https://chat.example", title="Our chat").stream(request_for(), stop))

    headers = fake.log()[0]["headers"]
    assert headers["http-referer"] == "https://chat.example"
    assert headers["x-openrouter-title"] == headers["x-title"] == "Our chat"


def test_nothing_is_said_that_was_not_set(fake: Fake, router: Make, stop: Stop) -> None:
    collect(router().stream(request_for(), stop))

    assert "http-referer" not in fake.log()[0]["headers"]


def test_it_asks_in_its_own_words(fake: Fake, router: Make, stop: Stop) -> None:
    collect(router().stream(request_for(effort="high"), stop))

    body = fake.log()[0]["body"]
    assert body["reasoning"] == {"effort": "high"}
    assert not {"reasoning_effort", "stream_options", "usage", "route"} & set(body)


def test_the_cost_comes_with_the_answer(fake: Fake, router: Make, stop: Stop) -> None:
    fake.says("One two.", cost=1.5e-06, comments=1)

    assert collect(router().stream(request_for(), stop)).usage == Usage(10, 2, "0.0000015", "fake/plain", "gen-1")


def test_with_a_key_of_ones_own_both_charges_count(fake: Fake, router: Make, stop: Stop) -> None:
    own = {"cost": 0.0001, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.002}}
    fake.says("One.", usage=own)

    received = collect(router().stream(request_for(), stop))

    assert received.usage
    assert received.usage.cost == "0.0021"


def test_who_served_it_is_told(fake: Fake, router: Make, stop: Stop) -> None:
    fake.says("One.", model="fake/another")

    received = collect(router().stream(request_for(), stop))

    assert received.usage
    assert (received.usage.model, received.events[0]) == ("fake/another", Started("fake/plain", "openrouter"))


@pytest.mark.parametrize(
    ("behaviour", "known"),
    [
        ({"steps": [{"close": "rst"}]}, Usage(upstream_id="gen-1")),
        ({"says": "One two.", "cut_after": 0}, Usage(model="fake/plain", upstream_id="gen-1")),
        ({"says": "One two.", "cut_after": 1}, Usage(model="fake/plain", upstream_id="gen-1")),
        ({"says": "One two.", "finish": None}, Usage(10, 2, None, "fake/plain", "gen-1")),
        (
            {"says": "One.", "cut_after": 1, "headers": {"X-Generation-Id": ""}},
            Usage(None, None, None, "fake/plain"),
        ),
        (
            {"says": "One.", "cut_after": 1, "headers": {"X-Generation-Id": "x" * 200}},
            Usage(None, None, None, "fake/plain"),
        ),
    ],
    ids=["no chunk", "no word", "in the middle", "no marker", "no header", "no sensible header"],
)
def test_a_broken_answer_can_be_settled(fake: Fake, router: Make, stop: Stop, behaviour: dict[str, Any], known: Usage) -> None:
    fake.always({"pace": 0.01, **behaviour})

    received = collect(router().stream(request_for(), stop))

    assert (received.end, received.usage) == ("cut", known)


def test_a_stopped_answer_can_be_settled(fake: Fake, router: Make, stop: Stop) -> None:
    fake.counts(100, pace=0.01)
    events = router().stream(request_for(), stop)

    before = list(takewhile(lambda event: not isinstance(event, Delta), events))
    stop.request("user")

    assert [event for event in before if isinstance(event, Usage)][-1] == Usage(model="fake/plain", upstream_id="gen-1")
    assert not collect(events).end


def test_a_whole_answer_can_be_settled(fake: Fake, router: Make, stop: Stop) -> None:
    fake.says("One two.", sends_usage=False, cost=0.001)

    assert router().complete(request_for(), stop).usage == Usage(10, 2, "0.001", "fake/plain", "gen-1")


@pytest.mark.parametrize(
    ("about", "usage"),
    [
        (
            {
                "total_cost": 0.0012,
                "tokens_prompt": 10,
                "native_tokens_prompt": 12,
                "native_tokens_completion": 0,
                "model": "a/b",
            },
            Usage(12, 0, "0.0012", "a/b", "gen-7"),
        ),
        ({"total_cost": 0, "tokens_prompt": 10, "tokens_completion": 5}, Usage(10, 5, "0", "", "gen-7")),
        ({"total_cost": 0.001, "upstream_inference_cost": 0.02, "is_byok": True}, Usage(cost="0.021", upstream_id="gen-7")),
        ({"total_cost": 0.001, "upstream_inference_cost": 0.02, "is_byok": False}, Usage(cost="0.001", upstream_id="gen-7")),
        ({"total_cost": None}, Usage(upstream_id="gen-7")),
        (None, None),
    ],
)
def test_the_cost_is_asked_for_afterwards(fake: Fake, router: Make, about: Any, usage: Usage | None) -> None:
    fake.always({"json": {"data": about}}, at="/generation")

    assert router().settle("gen-7") == usage
    assert fake.log()[0]["path"] == "/api/v1/generation?id=gen-7"


def test_what_is_not_known_yet_is_asked_again_later(fake: Fake, router: Make) -> None:
    fake.behaves(
        [{"status": 404, "json": {"error": {"code": 404, "message": "Not found"}}}, {"status": 500, "text": ""}], at="/generation"
    )

    assert router().settle("gen-1") is None
    with pytest.raises(ProviderError) as failed:
        router().settle("gen-1")
    assert failed.value.retryable
    assert router().settle("gen&1=2") == Usage(10, 5, "0.00012", "", "gen&1=2")
    assert fake.log()[-1]["path"].endswith("?id=gen%261%3D2")


def test_a_key_is_checked_where_it_counts(fake: Fake, router: Make) -> None:
    assert router().check_key() == "127.0.0.1 accepted the key. It has 4.20 US dollars left."
    assert [entry["path"] for entry in fake.log()] == ["/api/v1/key"]


@pytest.mark.parametrize("about", [{}, {"data": None}, {"data": {"limit_remaining": None}}, [7]])
def test_a_key_without_a_limit_is_accepted_as_well(fake: Fake, router: Make, about: Any) -> None:
    fake.always({"json": about}, at="/key")

    assert router().check_key() == "127.0.0.1 accepted the key."


def test_a_bad_key_is_refused(router: Make) -> None:
    with pytest.raises(ProviderError, match="rejected the key"):
        router("bad-key-of-somebody").check_key()


def test_models_have_a_name_and_a_context(router: Make) -> None:
    assert [(model.name, model.context_length) for model in router().models()] == [
        ("Fake: Plain", 8192),
        ("Fake: Large", 200_000),
    ]


LISTED: list[tuple[dict[str, Any], Model]] = [
    (
        {
            "name": "Bee",
            "context_length": 200_000,
            "pricing": {"prompt": "0.000003", "completion": "0.000015", "discount": 0, "overrides": [{}]},
            "reasoning": {"supported_efforts": ["max", "high", "low", "none", "odd"], "mandatory": True},
        },
        Model("b", "Bee", 200_000, False, "3", "15", ("low", "high", "max")),
    ),
    ({"pricing": {"prompt": "-1", "completion": "-1"}}, Model("b", "b")),
    ({"pricing": {"prompt": "0", "completion": "0.00000015"}}, Model("b", "b", None, False, "0", "0.15")),
    (
        {"supported_parameters": ["reasoning", "tools"]},
        Model("b", "b", efforts=("low", "medium", "high"), abilities=("tools", "reasoning")),
    ),
    (
        {"supported_parameters": ["tools"], "pricing": "free", "reasoning": None, "context_length": None},
        Model("b", "b", abilities=("tools",)),
    ),
    (
        {"supported_parameters": ["top_p", "stop", "structured_outputs"], "architecture": {"input_modalities": ["image"]}},
        Model("b", "b", takes_schema=True, abilities=("vision", "json", "top_p", "stop")),
    ),
    ({"reasoning": {"supported_efforts": ["none", "low"]}}, Model("b", "b", efforts=("none", "low"))),
]


@pytest.mark.parametrize(("listed", "model"), LISTED)
def test_models_have_a_price_and_efforts(fake: Fake, router: Make, listed: dict[str, Any], model: Model) -> None:
    fake.always({"json": {"data": [{"id": "b", **listed}], "total_count": 1}}, at="/models")

    assert router().models() == (model,)


@pytest.mark.parametrize(
    ("name", "may"),
    [
        *((name, False) for name in ("OpenAI", "Anthropic", "xAI", "DeepInfra", "SF Compute", "openai/gpt-5", "x-ai/grok-4")),
        *(
            (name, True)
            for name in ("Google AI Studio", "Amazon Bedrock", "Groq", "Someone new", "", "anthropic/claude-sonnet-4.5")
        ),
        *((name, True) for name in ("openai/gpt-oss-120b", "google/gemini-2.5-pro", "deepseek/deepseek-chat")),
    ],
)
def test_who_may_go_on_charging_is_known(name: str, may: bool) -> None:
    assert may_still_bill(name) is may
