"""Embeddings: in batches, in whatever format servers return them, and refused with a message by servers without them."""

import struct
from base64 import b64encode
from collections.abc import Callable
from itertools import combinations
from operator import mul
from typing import Any

import pytest

from tests.models.providers.received import KEY
from tests.upstream.handle import Upstream as Fake
from webapp.models.providers.anthropic import AnthropicProvider
from webapp.models.providers.base import Embedded, ProviderError
from webapp.models.providers.demo import VECTORS, DemoProvider
from webapp.models.providers.embeddings import MOST_TEXTS
from webapp.models.providers.openai import OpenAIProvider
from webapp.models.providers.openrouter import OpenRouterProvider
from webapp.models.upstream import Upstream
from webapp.streaming.events import Usage
from webapp.streaming.stop import Stop

AT = "/embeddings"
MODEL = "some/vectors"
ONE = [{"index": 0, "embedding": [1, 0.5]}]


def told(rows: Any, **more: Any) -> dict[str, Any]:
    return {"json": {"object": "list", "data": rows, "model": MODEL, **more}}


def row(number: int, *values: float) -> dict[str, Any]:
    return {"object": "embedding", "index": number, "embedding": list(values)}


def dot(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    return sum(map(mul, one, other))


@pytest.fixture
def embed(fake: Fake, provider: OpenAIProvider, stop: Stop) -> Callable[..., Embedded]:
    return lambda *texts: provider.embed(MODEL, texts, stop)


def test_each_text_gets_its_vector_by_number_and_the_usage_is_told(fake: Fake, embed: Callable[..., Embedded]) -> None:
    fake.always(told([row(1, 0, 1), row(0, 1, -0.5)], usage={"prompt_tokens": 7, "total_tokens": 7}), at=AT)

    assert embed("a mill", "a race") == Embedded(((1.0, -0.5), (0.0, 1.0)), Usage(7, model=MODEL))
    (asked,) = fake.log()
    assert (asked["path"], asked["body"]) == ("/api/v1/embeddings", {"model": MODEL, "input": ["a mill", "a race"]})
    assert asked["headers"]["authorization"] == f"Bearer {KEY}"


def test_a_vector_for_each_token_becomes_their_mean(fake: Fake, embed: Callable[..., Embedded]) -> None:
    fake.always(told([{"embedding": [[1, 0], [0, 0.5]]}]), at=AT)

    assert embed("a mill").vectors == ((0.5, 0.25),)


def test_numbers_may_come_packed(fake: Fake, embed: Callable[..., Embedded]) -> None:
    fake.always(told([{"embedding": b64encode(struct.pack("<2f", 0.25, -2)).decode()}]), at=AT)

    assert embed("a mill").vectors == ((0.25, -2.0),)


def test_many_texts_go_in_pieces_and_their_usage_is_added(fake: Fake, embed: Callable[..., Embedded]) -> None:
    full = told([row(number, number, 1) for number in range(MOST_TEXTS)], usage={"prompt_tokens": 10, "cost": 0.00001})
    rest = told([row(0, 0.5, 1)], usage={"prompt_tokens": 2, "cost": 0.000002})
    fake.behaves([full, rest], at=AT)

    found = embed(*(f"text {number}" for number in range(MOST_TEXTS + 1)))

    assert [vector[0] for vector in found.vectors] == [*map(float, range(MOST_TEXTS)), 0.5]
    assert found.usage == Usage(12, cost="0.000012", model=MODEL)
    assert [len(asked["body"]["input"]) for asked in fake.log()] == [MOST_TEXTS, 1]


def test_what_one_piece_does_not_say_is_unknown_of_all(fake: Fake, embed: Callable[..., Embedded]) -> None:
    full = told([row(number, 1) for number in range(MOST_TEXTS)], usage={"prompt_tokens": 10, "cost": 0.00001})
    fake.behaves([full, told([row(0, 1)])], at=AT)

    assert embed(*["text"] * (MOST_TEXTS + 1)).usage == Usage(model=MODEL)


def test_nothing_is_asked_for_no_texts(fake: Fake, embed: Callable[..., Embedded]) -> None:
    assert embed() == Embedded((), Usage())
    assert fake.log() == []


@pytest.mark.parametrize(
    "reply",
    [
        told([]),
        told([row(0, 1), row(1, 1)]),
        told([row(0)]),
        told([{"embedding": "nonsense"}]),
        told([{"embedding": b64encode(b"\0\0\xc0\x7f").decode()}]),
        told([{"embedding": [1, "2"]}]),
        told([{"embedding": [[1, 2], [3]]}]),
        told([{"embedding": [[1, 2], "none"]}]),
        told([{"embedding": [[[1]]]}]),
        told([{"embedding": [10**400]}]),
        told("none"),
        {"json": {}},
        {"json": [1, 2]},
        {"text": "hello"},
        {"html": "<!doctype html><p>Hello"},
    ],
)
def test_what_is_no_vector_for_each_text_is_refused(fake: Fake, embed: Callable[..., Embedded], reply: dict[str, Any]) -> None:
    fake.always(reply, at=AT)

    with pytest.raises(ProviderError) as refused:
        embed("a mill")
    assert (refused.value.code, refused.value.retryable) == ("invalid", False)


def test_vectors_of_one_model_are_of_one_length(fake: Fake, embed: Callable[..., Embedded]) -> None:
    fake.always(told([row(0, 1), row(1, 1, 2)]), at=AT)

    with pytest.raises(ProviderError, match="a vector for each text"):
        embed("a mill", "a race")


@pytest.mark.parametrize(
    ("reply", "code", "retryable"),
    [
        ({"status": 401, "json": {"error": {"message": "No."}}}, "auth", False),
        ({"status": 402, "json": {"error": {"message": "No credit."}}}, "credit", False),
        ({"status": 429, "json": {"error": {"message": "Slower."}}, "headers": {"Retry-After": "7"}}, "rate", True),
        ({"status": 404, "json": {"error": {"message": "No such model."}}}, "invalid", False),
        ({"status": 503, "text": ""}, "error", True),
        ({"json": {"error": {"message": "It broke.", "code": 502}}}, "error", True),
    ],
)
def test_a_refusal_is_a_policy(
    fake: Fake, embed: Callable[..., Embedded], reply: dict[str, Any], code: str, retryable: bool
) -> None:
    fake.always(reply, at=AT)

    with pytest.raises(ProviderError) as refused:
        embed("a mill")
    assert (refused.value.code, refused.value.retryable) == (code, retryable)
    assert refused.value.retry_after == (7 if code == "rate" else None)


def test_it_ends_when_it_is_stopped_and_when_nobody_answers(
    fake: Fake, make: Callable[..., OpenAIProvider], embed: Callable[..., Embedded], stop: Stop
) -> None:
    fake.always({"steps": [{"hang": True}]}, at=AT)
    with pytest.raises(ProviderError) as late:
        make(first_byte_seconds=0.2).embed(MODEL, ["a mill"], stop)
    assert late.value.code in ("stall", "first_byte", "cut")

    stop.request("user")
    with pytest.raises(ProviderError, match="was stopped"):
        embed("a mill")


def test_openrouter_tells_what_it_cost(fake: Fake, outgoing: Upstream, stop: Stop) -> None:
    fake.always(told(ONE, usage={"prompt_tokens": 3, "total_tokens": 3, "cost": 6e-08}), at=AT)

    found = OpenRouterProvider(KEY, outgoing, base_url=fake.base_url, trust="operator").embed(MODEL, ["a mill"], stop)

    assert found == Embedded(((1.0, 0.5),), Usage(3, cost="0.00000006", model=MODEL))


def test_anthropic_has_none_and_says_so(fake: Fake, outgoing: Upstream, stop: Stop) -> None:
    with pytest.raises(ProviderError, match="no embedding models") as refused:
        AnthropicProvider(KEY, outgoing, base_url=fake.base_url, trust="operator").embed(MODEL, ["a mill"], stop)
    assert (refused.value.code, refused.value.retryable) == ("invalid", False)
    assert fake.log() == []


def test_the_demo_gives_the_same_vectors_always_and_near_ones_for_shared_words(stop: Stop) -> None:
    texts = ["The mill stands by the river.", "By the river stands a mill!", "Quarterly figures, second draft", ""]
    found = DemoProvider().embed(VECTORS, texts, stop)

    assert found == DemoProvider().embed(VECTORS, texts, stop)
    assert found.usage == Usage(16, None, "0", VECTORS)
    near, *far = (dot(one, other) for one, other in combinations(found.vectors[:3], 2))
    assert near > 0.8
    assert max(far) < 0.3
    assert [round(dot(vector, vector), 9) for vector in found.vectors] == [1, 1, 1, 0]
    with pytest.raises(ProviderError, match="no embedding model"):
        DemoProvider().embed("demo/quick", texts, stop)
