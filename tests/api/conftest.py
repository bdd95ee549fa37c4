"""API clients of the test accounts, on an application whose model is the scripted upstream."""

from collections.abc import Callable

import pytest
from flask import Flask

from tests.api.client import Client, client_of
from tests.support.browser import Browser
from tests.upstream.fixtures import app

__all__ = ["app"]


@pytest.fixture
def program(app: Flask, member: Browser) -> Client:
    """A client of the member, with all of the member's rights."""
    return client_of(app, member.email)


@pytest.fixture
def admin(app: Flask, owner: Browser) -> Client:
    return client_of(app, owner.email)


@pytest.fixture
def other(app: Flask, stranger: Browser) -> Client:
    """A client of a member without access to anything of the others."""
    return client_of(app, stranger.email)


@pytest.fixture
def nobody(app: Flask) -> Client:
    return Client(app)


@pytest.fixture
def with_scopes(app: Flask, member: Browser) -> Callable[..., Client]:
    def make(*scopes: str) -> Client:
        return client_of(app, member.email, *scopes)

    return make
