"""How many statements sending, reading and ending take: not the bottleneck, but each of them has a cost."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from tests.chat.conftest import ended, until_settled
from tests.chat.test_sidebar import sidebars
from tests.support.browser import Browser
from tests.support.marks import also_on_postgres
from tests.support.statements import is_read_again
from tests.upstream.handle import TITLE
from webapp.settings.service import set_setting

TURNS = ("BEGIN", "COMMIT", "ROLLBACK")


@contextmanager
def counted(browser, *, of_all: bool = False) -> Iterator[list[str]]:
    """Collects the statements within the block, except those that begin and end transactions."""
    found: list[str] = []
    with browser.counting_statements(of_all=of_all) as statements:
        yield found
    found += [statement for statement in statements if not statement.startswith(TURNS) and not is_read_again(statement)]


def least(tries: list[list[str]]) -> list[str]:
    # The server's own work after its start can fall into one of them.
    return min(tries, key=len)


@pytest.mark.slow
@also_on_postgres
def test_a_first_message_takes_six_and_its_page_eight(app, owner, fake):
    fake.says("One", cost=0.0001)
    sends, pages = [], []
    with app.app_context():
        # The request for a title comes at no fixed time.
        set_setting("models.titles", "off")
    for number in range(3):
        with counted(owner) as statements:
            path = owner.post("/chats", message=f"Number {number}").location.partition("#")[0]
        sends.append(statements)
        owner.wait_for(path, ended)
        until_settled(app)
        with counted(owner) as statements:
            owner.page(path)
        pages.append(statements)

    assert len(least(sends)) <= 6, least(sends)
    assert len(least(pages)) <= 8, least(pages)


@pytest.mark.slow
@also_on_postgres
def test_a_later_message_takes_ten(app, owner, path):
    sends = []
    for number in range(3):
        until_settled(app)
        with counted(owner) as statements:
            owner.post(f"{path}/messages", message=f"Number {number}")
        sends.append(statements)
        owner.wait_for(path, ended)

    assert len(least(sends)) <= 10, least(sends)


# While anything runs, heartbeats and the journal are written at intervals, stops are looked for, and the journal is deleted
# at the end. The time for which an answer was looked at is added when its page closes.
# Connections, deleted ones too, are read once a second.
ASIDE = "deleted_connections", "heartbeat_at=?", "heartbeat_at=%", "AS is_due", "generation_journal", "SET reading_ms="


@pytest.mark.slow
def test_what_follows_a_first_answer_on_an_open_page_takes_eleven(app, owner, begin, fake, listen):
    taken = []
    for number in range(3):
        question = f"What follows number {number}?"
        fake.beside(question, {"counted": 4_000, "pace": 0.02, "cost": 0.0001})
        fake.behaves([{"says": f"Title {number}", "cost": 0.0001}], at=TITLE)
        page = owner.page(begin(owner, question))
        listener = listen(owner, page.events_url)
        # The sidebar is updated a moment after the beginning.
        listener.until(lambda feed: sidebars(feed) and 'class="dot"' in sidebars(feed)[-1] and "responding" in feed.statuses())
        with counted(owner, of_all=True) as statements:
            fake.beside(question, over=True)
            listener.until(lambda feed, title=f"Title {number}": feed.html.count(title) >= 3)
            listener.until(lambda feed: 'class="dot"' not in sidebars(feed)[-1])
            until_settled(app)
        taken.append([statement for statement in statements if not any(sign in statement for sign in ASIDE)])

    assert len(least(taken)) <= 11, least(taken)


@also_on_postgres
def test_a_page_that_comes_back_after_a_restart_takes_two(app, owner, path):
    """One for the person and one for the chat: all pages of a chat share the rendering made for the first one."""
    until_settled(app)
    url, taken = owner.page(path).events_url.partition("?")[0], []
    assert "hx-partial" in reopened(owner, url)
    # The shared rendering is cached for a few seconds and can expire during one of them.
    for _ in range(3):
        with counted(owner) as statements:
            assert "hx-partial" in reopened(owner, url)
        taken.append(statements)

    assert len(least(taken)) <= 2, least(taken)


def reopened(browser: Browser, url: str) -> str:
    """Returns the first events for a page without a known position; opened and closed here, so nothing else is counted."""
    response = browser.client.get(url, buffered=False)
    with closing(response):
        pieces = response.iter_encoded()
        return "".join(next(pieces).decode() for _ in range(2))
