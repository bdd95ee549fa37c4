"""Chats with the demo, in haste, and with the scripted upstream where the model's words matter."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.support.browser import Browser
from tests.support.markup import words
from tests.support.page import Page
from tests.upstream.handle import Upstream


@pytest.fixture
def app(make_app: Callable[..., Flask], fake: Upstream) -> Flask:
    """An application whose configured provider is the scripted upstream."""
    return make_app(
        OPENROUTER_API_KEY="sk-test-key-000000000000", OPENROUTER_BASE_URL=fake.base_url, OPENROUTER_MODEL="some/model"
    )


@pytest.fixture
def begin() -> Callable[..., str]:
    """Sends a first message and gives the address of the chat."""

    def begin(browser: Browser, message: str = "Hello") -> str:
        page = browser.submit("/", message=message)
        assert page.path.startswith("/chats/"), page.text
        return page.path

    return begin


def statuses(page: Page) -> list[str]:
    return [str(node.attributes["data-status"]) for node in page.all("article.message")]


def texts(page: Page) -> list[str]:
    return [words(node.text()) for node in page.all("article.message .message-text")]


def ended(page: Page) -> bool:
    return bool(statuses(page)) and not {"queued", "thinking", "responding", "saving"} & set(statuses(page))


def raw_of_last(page: Page) -> str:
    """The raw text of the last message on the page."""
    id = str(page.all("article.message")[-1].attributes["id"]).removeprefix("message-")
    return page.browser.get(f"/messages/{id}.md").text


def asked(fake: Upstream) -> list[dict[str, Any]]:
    """The answers that were asked for; costs may be looked up beside them."""
    return [entry for entry in fake.log() if entry["path"].endswith("/chat/completions")]
