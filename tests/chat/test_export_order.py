"""The export of a chat reads its messages in batches, in order, each once."""

import pytest
from flask import Flask
from sqlalchemy import insert

from tests.attacks.scene import messages
from tests.support.browser import Browser
from tests.support.steps import steps_on_the_loop
from webapp.base.db import write
from webapp.chat.record.tables import Chat, Message
from webapp.engine.engine import ENGINE
from webapp.workspace.exchange.export import as_json

MESSAGES = 2_000


@pytest.mark.slow
def test_no_few_messages_take_the_whole_chat(app: Flask, owner: Browser) -> None:
    with app.app_context(), write() as session:
        session.add(Chat(id="long", owner_id=owner.person_id, model="m", title="Long"))
        session.flush()
        session.execute(insert(Message), messages("long", ["Some words."] * MESSAGES))
    with steps_on_the_loop(app) as steps:
        assert sum(1 for _ in as_json(ENGINE.of(app), "long")) == MESSAGES + 2
    # Scanning the whole chat for each batch would take many hundreds of steps per message.
    assert steps.count < 250 * MESSAGES
