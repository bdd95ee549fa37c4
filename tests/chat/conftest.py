"""Chats with the demo, in haste, and with the scripted upstream where the model's words matter."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.chat.listener import listen
from tests.support.browser import Browser
from tests.support.markup import words
from tests.support.page import Page
from tests.support.waiting import until
from tests.upstream.fixtures import app
from tests.upstream.handle import Upstream
from webapp.accounts.tables import Grant
from webapp.db import write
from webapp.engine.engine import Engine, Live

__all__ = ["app", "listen"]


@pytest.fixture
def begin() -> Callable[..., str]:
    """Sends a first message and gives the address of the chat."""

    def begin(browser: Browser, message: str = "Hello") -> str:
        page = browser.submit("/", message=message)
        assert page.path.startswith("/chats/"), page.text
        return page.path

    return begin


@pytest.fixture
def answered(begin: Callable[..., str]) -> Callable[..., str]:
    """Begins a chat and gives its address when the answer has ended."""

    def answered(browser: Browser, message: str = "Hello") -> str:
        path = begin(browser, message)
        let_finish(browser.app, lambda run: run.lane == f"chat:{id_of(path)}")
        return browser.wait_for(path, ended).path

    return answered


@pytest.fixture
def path(owner: Browser, answered: Callable[..., str], fake: Upstream) -> str:
    """A chat with one question and its answer, of which nothing is learnt later."""
    fake.says("One", cost=0.0001)
    return answered(owner, "First")


def statuses(page: Page) -> list[str]:
    return [str(node.attributes["data-status"]) for node in page.all("article.message")]


def texts(page: Page) -> list[str]:
    return [words(node.text()) for node in page.all("article.message .message-text")]


def ended(page: Page) -> bool:
    """Whether nothing is written here any more, and what follows an end, such as telling open pages, has been done too.

    If not, it waits a little for that, as whoever asks will look again.
    """
    if is_at_rest(page):
        return True
    ids = set(page.message_ids)
    let_finish(page.browser.app, lambda run: run.message_id in ids)
    return False


def is_at_rest(page: Page) -> bool:
    found, runs = statuses(page), page.browser.app.extensions["engine"].live.values()
    # An end is saved before it is told.
    is_ending = {each.message_id for each in runs} & set(page.message_ids)
    return bool(found) and not {"queued", "thinking", "responding", "saving"} & set(found) and not is_ending


def let_finish(app: Flask, is_meant: Callable[[Live], bool]) -> None:
    """Waits a second at most for these runs: to draw their page again and again takes longer than they do."""
    engine: Engine = app.extensions["engine"]
    engine.wait(lambda: not any(map(is_meant, engine.live.values())), seconds=1)


def ended_with(count: int) -> Callable[[Page], bool]:
    """Whether nothing runs any more, and there are so many messages."""
    return lambda page: ended(page) and len(statuses(page)) == count


def until_settled(app: Flask) -> None:
    """Waits for what goes on behind an answer: its own end, the title, and what open pages are told a moment later."""
    engine = app.extensions["engine"]
    until(lambda: not engine.live and not engine.soon, "nothing runs, and all has been told")


def raw_of_last(page: Page) -> str:
    """The raw text of the last message on the page."""
    return page.browser.get(f"/messages/{page.message_ids[-1]}.md").text


def address(page: Page, name: str, at: int = -1) -> str:
    """Where the button of this name on one of the messages leads."""
    found = [node for node in page.all("article.message")[at].css("button") if node.text(strip=True) == name]
    assert found, f"no {name} on message {at}"
    return str(found[0].attributes["formaction"])


def has(page: Page, name: str, at: int = -1) -> bool:
    """Whether there is a button of this name on one of the messages."""
    return name in [node.text(strip=True) for node in page.all("article.message")[at].css("button")]


def id_of(path: str) -> str:
    """Of the chat with this address."""
    return path.partition("#")[0].rpartition("/")[2]


def give(path: str, whom: Browser, right: str) -> None:
    """Shares the chat, past its page."""
    with whom.app.app_context(), write() as session:
        session.add(Grant(object_kind="chat", object_id=id_of(path), user_id=whom.person_id, right=right))


def asked(fake: Upstream) -> list[dict[str, Any]]:
    """The answers that were asked for; costs may be looked up beside them."""
    return [entry for entry in fake.log() if entry["path"].endswith("/chat/completions")]
