"""Accounts that try to access more than they may, on an application whose provider is the scripted upstream."""

import pytest
from flask import Flask

from tests.chat.conftest import ended
from tests.chat.listener import listen
from tests.conftest import signed_in
from tests.support.browser import Browser
from tests.support.page import Page
from tests.upstream.fixtures import app
from webapp.engine.engine import ENGINE, Engine
from webapp.settings.service import set_setting

__all__ = ["app", "listen"]


@pytest.fixture
def engine(app: Flask) -> Engine:
    made: Engine = ENGINE.of(app)
    return made


@pytest.fixture
def admin(app: Flask) -> Browser:
    return signed_in(app, "admin@example.org", "admin")


def begin(browser: Browser, message: str = "Hello") -> str:
    """Sends the first message of a new chat; returns the chat's address."""
    page = browser.post("/chats", message=message)
    assert page.status_code == 303, page.text
    return page.location.partition("#")[0]


def ended_chat(browser: Browser, message: str = "Hello") -> Page:
    """Creates a chat with one completed answer, and returns its page."""
    return browser.wait_for(begin(browser, message), ended)


def set_to(app: Flask, **values: str) -> None:
    """Stores settings by name, with `__` for the dot."""
    with app.app_context():
        for name, value in values.items():
            set_setting(name.replace("__", "."), value)
