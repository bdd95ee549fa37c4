"""Twenty pages of one chat need one rendering, on either database: only the page that triggers it differs."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask, template_rendered

from tests.chat.conftest import until_settled
from tests.chat.listener import Listener
from tests.chat.test_sidebar import sidebars
from tests.support.marks import also_on_postgres
from webapp.settings.service import set_setting

PAGES, NAME, ANOTHER = 20, "Another name", "Something else"


@contextmanager
def drawn(app: Flask) -> Iterator[Counter[str]]:
    """Counts how often each template is rendered within the block."""
    counts: Counter[str] = Counter()

    def count(_app: Flask, template: object, **_: object) -> None:
        counts[template.name] += 1

    with template_rendered.connected_to(count, app):
        yield counts


def renamed(listener: Listener) -> bool:
    """Returns whether the page's own heading was updated: the sidebar, which also shows the name, can be updated first."""
    return any(NAME in message.data and 'hx-target="#chat-menu"' in message.data for message in listener.messages)


@pytest.fixture
def many(app: Flask) -> None:
    with app.app_context():
        for name in ("limits.sse_per_chat", "limits.sse_per_user"):
            set_setting(name, "0")


@pytest.mark.slow
@also_on_postgres
def test_twenty_pages_of_a_chat_take_one_rendering_of_a_change(app, many, owner, listen, path):
    until_settled(app)
    url = owner.page(path).events_url
    pages = [listen(owner, url) for _ in range(PAGES)]
    for page in pages:
        page.until(lambda feed: feed.raw)
    with drawn(app) as counts:
        owner.post(f"{path}/rename", title=NAME)
        for page in pages:
            page.until(lambda feed: renamed(feed) and sidebars(feed) and NAME in sidebars(feed)[-1])

    assert counts["workspace/page/_turn.html"] == counts["layouts/_sidebar_chats.html"] == 1

    # Without sharing, each page would render two: the message and the answer to it.
    with drawn(app) as counts:
        owner.post(f"{path}/messages", message=ANOTHER)
        for page in pages:
            page.until(lambda feed: any(ANOTHER in message.data for message in feed.messages))
    assert counts["workspace/page/_turn.html"] < 2 * PAGES
