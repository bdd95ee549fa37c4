"""Saving the end of an answer and storing the next message take their locks in the same order, so they cannot deadlock."""

from collections.abc import Callable

import gevent
import pytest
from flask import Flask
from sqlalchemy import select, text

from tests.chat.conftest import ended, id_of, statuses
from tests.support.browser import Browser
from tests.support.waiting import until
from tests.upstream.handle import Upstream
from webapp.base.db import db
from webapp.chat.record.tables import Chat
from webapp.engine.tables import Generation

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("backend", ["postgres"])]
WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")


def test_an_end_has_locked_nothing_of_its_generation_when_it_waits_for_the_chat(
    app: Flask, owner: Browser, begin: Callable[..., str], fake: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    fake.behaves([{"counted": 4_000, "pace": 0.05}])
    path = begin(owner)
    fake.until_asked()

    with app.app_context(), db.engine.connect() as asking, db.engine.connect() as looking:
        asking.execute(select(Chat.id).where(Chat.id == id_of(path)).with_for_update(key_share=True))
        fake.over()
        until(lambda: looking.scalar(WAITING) or looking.rollback(), "its end waits for the chat")
        # The same row lock that a request takes on the generation before it stores the next message.
        lane = select(Generation.id).where(Generation.lane == f"chat:{id_of(path)}").with_for_update(key_share=True)
        with gevent.Timeout(60):
            assert asking.scalar(lane)
        asking.rollback()

    assert statuses(owner.wait_for(path, ended))[-1] == "completed"
    assert "could not be written" not in caplog.text
