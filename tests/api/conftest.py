"""Programs of the cast, before an application whose model is the scripted upstream."""

from collections.abc import Callable

import pytest
from flask import Flask

from tests.api.client import Client, client_of
from tests.support.browser import Browser
from tests.upstream.fixtures import app

__all__ = ["app"]


@pytest.fixture
def program(app: Flask, member: Browser) -> Client:
    """Of the member, with all the member's rights."""
    return client_of(app, member.email)


@pytest.fixture
def admin(app: Flask, owner: Browser) -> Client:
    return client_of(app, owner.email)


@pytest.fixture
def other(app: Flask, stranger: Browser) -> Client:
    """Of a member to whom nothing of the others belongs."""
    return client_of(app, stranger.email)


@pytest.fixture
def nobody(app: Flask) -> Client:
    return Client(app)


@pytest.fixture
def with_scopes(app: Flask, member: Browser) -> Callable[..., Client]:
    def make(*scopes: str) -> Client:
        return client_of(app, member.email, *scopes)

    return make
