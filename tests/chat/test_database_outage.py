"""A page loses its stream without a traceback while the database is briefly unavailable, and reconnects."""

from collections.abc import Callable

import pytest
from flask import Flask

from tests.chat.conftest import until_settled
from tests.chat.listener import Listener
from tests.support.browser import Browser
from webapp.base.current import TOPICS
from webapp.base.db import db
from webapp.streaming.events import Changed

READ = "could not be read and has to connect again"


def renamed(app: Flask, name: str, other: str) -> None:
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(db.text(f"ALTER TABLE {name} RENAME TO {other}"))


@pytest.mark.slow
def test_a_stream_ends_where_nothing_can_be_read(
    app: Flask, owner: Browser, path: str, listen: Callable[..., Listener], caplog: pytest.LogCaptureFixture
) -> None:
    until_settled(app)
    url = owner.page(path).one("#thread").attributes["hx-sse:connect"]
    heard = listen(owner, url)
    heard.until(lambda feed: b": ping" in feed.raw)
    renamed(app, "messages", "messages_elsewhere")
    TOPICS.of(app).append(f"chat:{path.rpartition('/')[2]}", Changed("message", "x"))
    heard.greenlet.join(60)
    renamed(app, "messages_elsewhere", "messages")

    assert heard.greenlet.successful()
    assert READ in caplog.text
    again = listen(owner, url, heard.last_id)
    again.until(lambda feed: b": ping" in feed.raw)
