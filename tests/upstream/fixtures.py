"""Fixtures for the scripted upstream and our HTTP client, for every test with outgoing requests."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from gevent.event import Event

from tests.upstream.handle import Upstream as Fake
from webapp.models.upstream import Upstream
from webapp.streaming.stop import Stop


@pytest.fixture(scope="session")
def upstream_process() -> Iterator[Fake]:
    """The scripted upstream of all tests, which behaves as the last test left it."""
    fake = Fake()
    yield fake
    fake.close()


@pytest.fixture(scope="module")
def fake_process(upstream_process: Fake) -> Fake:
    """The scripted upstream, for a server that the tests of a module share; without the behaviours of earlier modules."""
    upstream_process.reset()
    return upstream_process


@pytest.fixture
def fake(fake_process: Fake) -> Fake:
    fake_process.reset()
    return fake_process


@pytest.fixture
def app(make_app: Callable[..., Flask], fake: Fake) -> Flask:
    """An application whose configured provider is the scripted upstream."""
    return make_app(**fake.environ)


@pytest.fixture(scope="session")
def outgoing() -> Iterator[Upstream]:
    upstream = Upstream()
    yield upstream
    upstream.close()


@pytest.fixture
def stop() -> Stop:
    return Stop(Event)


@pytest.fixture
def new_stop() -> Callable[[], Stop]:
    return lambda: Stop(Event)
