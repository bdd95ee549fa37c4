"""OpenRouter's own additions: who asks, what it cost, what the key may still spend."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.providers.hearing import KEY, asking, heard
from tests.upstream.handle import Upstream as Fake
from webapp.providers.base import ProviderError
from webapp.providers.openrouter import OpenRouterProvider
from webapp.streaming.events import Usage
from webapp.streaming.stop import Stop
from webapp.upstream import Upstream

Make = Callable[..., OpenRouterProvider]


@pytest.fixture
def router(fake: Fake, outgoing: Upstream) -> Make:
    def make(key: str = KEY, **how: Any) -> OpenRouterProvider:
        return OpenRouterProvider(key, outgoing, base_url=fake.base_url, trust="operator", **how)

    return make


def test_it_says_who_asks(fake: Fake, router: Make, stop: Stop) -> None:
    heard(router(referer="https://chat.example", title="Our chat").stream(asking(), stop))

    headers = fake.log()[0]["headers"]
    assert headers["http-referer"] == "https://chat.example"
    assert headers["x-openrouter-title"] == headers["x-title"] == "Our chat"


def test_nothing_is_said_that_was_not_set(fake: Fake, router: Make, stop: Stop) -> None:
    heard(router().stream(asking(), stop))

    assert "http-referer" not in fake.log()[0]["headers"]


def test_it_asks_in_its_own_words(fake: Fake, router: Make, stop: Stop) -> None:
    heard(router().stream(asking(effort="high"), stop))

    body = fake.log()[0]["body"]
    assert body["reasoning"] == {"effort": "high"}
    assert not {"reasoning_effort", "stream_options", "usage", "route"} & set(body)


def test_the_cost_comes_with_the_answer(fake: Fake, router: Make, stop: Stop) -> None:
    fake.says("One two.", cost=1.5e-06, comments=1)

    assert heard(router().stream(asking(), stop)).usage == Usage(10, 2, "0.0000015")


def test_a_key_is_checked_where_it_counts(fake: Fake, router: Make) -> None:
    assert router().check_key() == "127.0.0.1 accepts the key. It may still spend 4.20 US dollars."
    assert [entry["path"] for entry in fake.log()] == ["/api/v1/key"]


@pytest.mark.parametrize("about", [{}, {"data": None}, {"data": {"limit_remaining": None}}, [7]])
def test_a_key_without_a_limit_is_accepted_as_well(fake: Fake, router: Make, about: Any) -> None:
    fake.always({"json": about}, at="/key")

    assert router().check_key() == "127.0.0.1 accepts the key."


def test_a_bad_key_is_refused(router: Make) -> None:
    with pytest.raises(ProviderError, match="refused the key"):
        router("bad-key-of-somebody").check_key()


def test_models_have_a_name_and_a_context(router: Make) -> None:
    assert [(model.name, model.context_length) for model in router().models()] == [
        ("Fake: Plain", 8192),
        ("Fake: Large", 200_000),
    ]
