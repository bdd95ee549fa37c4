"""Fixture for tests of settings: an application whose built-in connection is the scripted upstream."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.conftest import MakeApp
from tests.upstream.handle import Upstream as Fake


@pytest.fixture
def app(make_app: MakeApp, fake: Fake) -> Flask:
    return make_app(OPENROUTER_BASE_URL=fake.base_url)


@pytest.fixture
def inside(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield
