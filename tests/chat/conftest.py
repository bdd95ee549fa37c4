"""Fixtures for chats: with the sped-up demo, or with the scripted upstream where the model's words matter."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from selectolax.lexbor import LexborNode

from tests.chat.listener import listen
from tests.support.browser import Browser
from tests.support.markup import words
from tests.support.page import Page
from tests.support.waiting import until
from tests.upstream.fixtures import app
from tests.upstream.handle import Upstream
from webapp.base.db import write
from webapp.engine.engine import ENGINE, Engine
from webapp.engine.live import LiveGeneration
from webapp.people.accounts.tables import Grant

__all__ = ["app", "listen"]


@pytest.fixture
def begin() -> Callable[..., str]:
    """Sends a first message and returns the path of the chat; renders neither the first page nor the chat's."""

    def begin(browser: Browser, message: str = "Hello") -> str:
        page = browser.post("/chats", message=message)
        assert page.status_code == 303, page.text
        return page.location.partition("#")[0]

    return begin


@pytest.fixture
def answered(begin: Callable[..., str]) -> Callable[..., str]:
    """Begins a chat and returns its path once the answer has ended."""

    def answered(browser: Browser, message: str = "Hello") -> str:
        path = begin(browser, message)
        let_finish(browser.app, lambda run: run.lane == f"chat:{id_of(path)}")
        return browser.wait_for(path, ended).path

    return answered


@pytest.fixture
def path(owner: Browser, answered: Callable[..., str], fake: Upstream) -> str:
    """A chat with one question and its answer; the answer's cost is given, so no later lookup changes it."""
    fake.says("One", cost=0.0001)
    return answered(owner, "First")


def statuses(page: Page) -> list[str]:
    return [str(node.attributes["data-status"]) for node in page.all("article.message")]


def texts(page: Page) -> list[str]:
    return [words(node.text()) for node in page.all("article.message .message-text")]


def ended(page: Page) -> bool:
    """Returns whether every answer on the page has ended, and its run has finished the follow-up, such as notifying open pages.

    If not, it waits briefly for the runs, since the caller polls.
    """
    if is_at_rest(page):
        return True
    ids = set(page.message_ids)
    let_finish(page.browser.app, lambda run: run.message_id in ids)
    return False


def is_at_rest(page: Page) -> bool:
    found, runs = statuses(page), ENGINE.of(page.browser.app).live.values()
    # A run saves the end before it notifies the pages.
    is_ending = {run.message_id for run in runs} & set(page.message_ids)
    return bool(found) and not {"queued", "thinking", "responding", "saving"} & set(found) and not is_ending


def let_finish(app: Flask, is_meant: Callable[[LiveGeneration], bool]) -> None:
    """Waits for these runs for at most a second: polling their page would take longer than the runs do."""
    engine: Engine = ENGINE.of(app)
    engine.wait(lambda: not any(map(is_meant, engine.live.values())), seconds=1)


def ended_with(count: int) -> Callable[[Page], bool]:
    """Returns a predicate: every answer on the page has ended, and the page has this many messages."""
    return lambda page: ended(page) and len(statuses(page)) == count


def until_settled(app: Flask) -> None:
    """Waits for everything that follows an answer: its end, the title, and the delayed updates of open pages."""
    engine = ENGINE.of(app)
    until(lambda: not engine.live and not engine.logs.soon, "nothing runs, and all has been told")


def raw_of_last(page: Page) -> str:
    """Returns the raw text of the last message on the page."""
    return page.browser.get(f"/messages/{page.message_ids[-1]}.md").text


def address(page: Page, name: str, at: int = -1) -> str:
    """Returns the URL that the button with this name on one of the messages submits to."""
    found = [node for node in buttons(page, at) if node.text(strip=True) == name]
    assert found, f"no {name} on message {at}"
    return str(found[0].attributes["formaction"])


def has(page: Page, name: str, at: int = -1) -> bool:
    """Returns whether one of the messages has a button with this name."""
    return name in [node.text(strip=True) for node in buttons(page, at)]


def buttons(page: Page, at: int) -> list[LexborNode]:
    """Returns the buttons beside a message, and those behind the link to its actions."""
    article = page.all("article.message")[at]
    link = article.css_first(".actions a[href$='/actions']")
    behind = page.browser.page(str(link.attributes["href"])).all("main button") if link else []
    return [*article.css("button"), *behind]


def id_of(path: str) -> str:
    """Returns the id of the chat at this path."""
    return path.partition("#")[0].rpartition("/")[2]


def give(path: str, whom: Browser, right: str) -> None:
    """Shares the chat by inserting the grant directly, without its page."""
    with whom.app.app_context(), write() as session:
        session.add(Grant(object_kind="chat", object_id=id_of(path), user_id=whom.person_id, right=right))


def asked(fake: Upstream) -> list[dict[str, Any]]:
    """Returns the requests for answers; lookups of costs, which can happen in between, are left out."""
    return [entry for entry in fake.log() if entry["path"].endswith("/chat/completions")]
