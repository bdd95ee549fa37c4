"""People who would like more than is theirs, on an application whose provider is the scripted upstream."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from tests.chat.conftest import ended
from tests.chat.test_feed import Listener
from tests.conftest import signed_in
from tests.support.browser import Browser
from tests.support.page import Page
from tests.upstream.handle import Upstream
from webapp.generations.engine import Engine
from webapp.settings.service import set_setting

Begin = Callable[..., str]


@pytest.fixture
def app(make_app: Callable[..., Flask], fake: Upstream) -> Flask:
    return make_app(**configured(fake))


@pytest.fixture
def engine(app: Flask) -> Engine:
    made: Engine = app.extensions["engine"]
    return made


@pytest.fixture
def admin(app: Flask) -> Browser:
    return signed_in(app, "admin@example.org", "admin")


@pytest.fixture
def listen() -> Iterator[Callable[..., Listener]]:
    listeners: list[Listener] = []

    def listen(browser: Browser, url: str, last_id: str = "") -> Listener:
        listeners.append(Listener(browser, url, last_id))
        return listeners[-1]

    yield listen
    for each in listeners:
        each.close()


def configured(fake: Upstream) -> dict[str, str]:
    return {
        "OPENROUTER_API_KEY": "sk-test-key-000000000000",
        "OPENROUTER_BASE_URL": fake.base_url,
        "OPENROUTER_MODEL": "some/model",
    }


def begin(browser: Browser, message: str = "Hello") -> str:
    """Sends a first message; gives the address of the chat."""
    page = browser.post("/chats", message=message)
    assert page.status_code == 303, page.text
    return page.location.partition("#")[0]


def ended_chat(browser: Browser, message: str = "Hello") -> Page:
    """A chat with one answer that has ended, as its page shows it."""
    return browser.wait_for(begin(browser, message), ended)


def events_url(page: Page) -> str:
    return str(page.one("#thread").attributes["hx-sse:connect"])


def last_id(page: Page) -> str:
    return str(page.all("article.message")[-1].attributes["id"]).removeprefix("message-")


def stop_url(page: Page) -> str:
    return str(page.button("Stop").attributes["formaction"])


def set_to(app: Flask, **values: str) -> None:
    """Settings by their names, with `__` for the dot."""
    with app.app_context():
        for name, value in values.items():
            set_setting(name.replace("__", "."), value)
