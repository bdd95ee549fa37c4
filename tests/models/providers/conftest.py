"""Fixtures: providers connected to the scripted upstream."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.models.providers.received import KEY, Received, collect, request_for
from tests.upstream.handle import Upstream as Fake
from webapp.models.providers.openai import OpenAIProvider
from webapp.models.upstream import Upstream
from webapp.streaming.stop import Stop


@pytest.fixture
def make(fake: Fake, outgoing: Upstream) -> Callable[..., OpenAIProvider]:
    return lambda **how: OpenAIProvider("fake", fake.base_url, KEY, outgoing, **{"trust": "operator", **how})


@pytest.fixture
def provider(make: Callable[..., OpenAIProvider]) -> OpenAIProvider:
    return make()


@pytest.fixture
def collect_from(fake: Fake, provider: OpenAIProvider, stop: Stop) -> Callable[[dict[str, Any]], Received]:
    """Returns what the provider yields for one behavior of the upstream."""

    def collect_from(behaviour: dict[str, Any]) -> Received:
        fake.always(behaviour)
        return collect(provider.stream(request_for(), stop))

    return collect_from
