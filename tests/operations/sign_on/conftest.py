"""Fixtures for sign-on: a provider that is open, and what a browser does there."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask

from tests.operations.sign_on.provider import CLIENT_ID, CLIENT_SECRET, OpenIdProvider
from tests.support.browser import Browser
from tests.support.page import Page
from webapp.operations.sign_on import service
from webapp.operations.sign_on.service import ProviderInput
from webapp.people.accounts import queries
from webapp.people.accounts.tables import PersonAuthor


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    server = OpenIdProvider()
    yield server
    server.close()
    assert not server.wrong


@pytest.fixture
def provider_id(app: Flask, owner: Browser, provider: OpenIdProvider) -> str:
    return added(app, owner, provider)


def added(app: Flask, owner: Browser, server: OpenIdProvider, **values: Any) -> str:
    """Adds a provider that makes accounts, and returns its id."""
    entered = {"name": "Acme", "issuer": server.issuer, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    with app.app_context():
        me = queries.user_by_email(owner.email)
        assert me
        row = service.add(ProviderInput.entered({**entered, "creates_accounts": True, **values}), author=PersonAuthor(me))
        return row.id


def change(app: Flask, owner: Browser, id: str, **values: Any) -> None:
    with app.app_context():
        me = queries.user_by_email(owner.email)
        assert me
        service.change_some(id, values, author=PersonAuthor(me))


def came_back(page: Page, server: OpenIdProvider) -> str:
    """Follows a page to the provider; returns the query of the redirect back."""
    return server.allow(page.link("Continue to Acme").attributes["href"] or "")


def sign_on(browser: Browser, id: str, server: OpenIdProvider, **instead: str) -> Page:
    """Goes to the provider and comes back; returns what the browser sees then."""
    begun = browser.get(f"/sign-on/{id}")
    assert begun.status_code == 303, begun.text
    assert urlsplit(begun.location).netloc == urlsplit(server.issuer).netloc
    return browser.get(f"/sign-on/{id}/return?{server.allow(begun.location, **instead)}")
