"""Answers side by side: begun together or not at all, streamed each in its column, stopped, tried again and kept."""

import pytest

from tests.api.client import Client
from tests.chat.conftest import id_of
from tests.support.browser import Browser
from tests.support.markup import words
from tests.upstream.handle import Upstream
from webapp.base.db import db
from webapp.chat.record.tables import Chat, Message
from webapp.engine.tables import Generation
from webapp.models.connections.models import providers
from webapp.settings.service import set_setting

MODELS = [f"other/m{number}" for number in range(4)]


@pytest.fixture(autouse=True)
def listed(app, owner: Browser, fake: Upstream) -> None:
    """A server with four more models."""
    listed = [{"id": "some/model", "name": "Some"}, *({"id": model, "name": model[-2:].upper()} for model in MODELS)]
    fake.always({"json": {"data": listed}}, at="/models")
    owner.page("/admin/models").press("Refresh")
    with app.app_context():
        assert {model.id for model in providers().offered()} >= set(MODELS)
        set_setting("models.titles", "off")


def columns_of(app, chat_id: str) -> list[str]:
    with app.app_context():
        return list(db.session.get_one(Chat, chat_id).columns)


def test_a_message_is_answered_by_each_model(app, owner: Browser, fake: Upstream, answered) -> None:
    fake.says("One", cost=0.0001)
    path = answered(owner, "First")
    owner.post(f"{path}/models", models=MODELS[:3])
    owner.post(f"{path}/messages", message="Second")
    page = owner.wait_for(path, lambda page: len(page.all(".column__facts")) == 3)

    assert [node.text() for node in page.all(".column__name")] == ["M0", "M1", "M2"]
    assert {request["body"]["model"] for request in fake.posts()} == {"some/model", *MODELS[:3]}
