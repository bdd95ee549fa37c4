"""What a model's context holds: an admin's number, what the server lists, what a refusal has said."""

import pytest
from flask import Flask

from tests.api.client import Client
from tests.api.conftest import admin, program
from tests.models.own_connections.conftest import mine, model, offered
from tests.support.browser import Browser
from tests.upstream.fixtures import app
from tests.upstream.handle import Upstream as Fake
from webapp.base.audit import COMMAND_LINE
from webapp.base.db import db
from webapp.models.connections import contexts, service as connections
from webapp.models.connections.cache import the_connections
from webapp.models.connections.keys import BUILT_IN
from webapp.models.connections.models import the_models
from webapp.models.connections.providers import providers
from webapp.models.connections.queries import KnownContext
from webapp.models.connections.service import ConnectionInput
from webapp.models.connections.tables import ModelContext

__all__ = ["admin", "app", "mine", "model", "offered", "program"]
LENGTHS = [
    # An admin's number, what was learned, what was listed then, what is listed now, and what counts.
    (None, None, None, None, None),
    (None, None, None, 8192, 8192),
    (None, 4096, None, None, 4096),
    (None, 4096, 131_072, 131_072, 4096),
    (None, 16_384, 8192, 8192, 8192),
    (None, 4096, None, 8192, 8192),
    (None, 4096, 8192, None, None),
    (2048, 4096, 8192, 8192, 2048),
    (2048, None, None, None, 2048),
]


@pytest.mark.parametrize(("given", "learned", "then", "now", "length"), LENGTHS)
def test_which_length_counts(given, learned, then, now, length):
    assert KnownContext(given, learned, then).length(now) == length


LISTED = {"json": {"data": [{"id": "maker/told", "context_length": 200_000}, {"id": "maker/silent"}]}}


@pytest.fixture
def listed(app: Flask, fake: Fake) -> Flask:
    """An application that has read this list."""
    fake.always(LISTED, at="/models")
    refresh(app)
    return app


def refresh(app: Flask, slug: str = BUILT_IN) -> None:
    with app.app_context():
        connections.refresh(slug, lambda: providers().provider(slug), author=COMMAND_LINE)
        the_connections().forget()


def length_of(app: Flask, model: str) -> int | None:
    with app.app_context():
        the_connections().forget()
        return the_models().known(model).context_length


def test_what_was_learned_counts_until_the_server_lists_something_else(listed: Flask, fake: Fake) -> None:
    with listed.app_context():
        contexts.learn("maker/told", 32_768)
        contexts.learn("maker/silent", 4096)
    assert (length_of(listed, "maker/told"), length_of(listed, "maker/silent")) == (32_768, 4096)
    refresh(listed)
    assert (length_of(listed, "maker/told"), length_of(listed, "maker/silent")) == (32_768, 4096)

    fake.always({"json": {"data": [{"id": "maker/told", "context_length": 131_072}, {"id": "maker/silent"}]}}, at="/models")
    refresh(listed)

    assert (length_of(listed, "maker/told"), length_of(listed, "maker/silent")) == (131_072, 4096)


def test_a_model_that_no_list_has_learns_too(listed: Flask) -> None:
    with listed.app_context():
        contexts.learn("maker/unlisted", 4096)
    assert length_of(listed, "maker/unlisted") == 4096


def test_an_admin_knows_it_better(listed: Flask, owner: Browser, member: Browser) -> None:
    with listed.app_context():
        contexts.learn("maker/silent", 4096)
    owner.submit("/admin/models/model?id=maker/silent", name="", context_length="16384")

    assert length_of(listed, "maker/silent") == 16_384
    with listed.app_context():
        contexts.learn("maker/silent", 8192)
    assert length_of(listed, "maker/silent") == 16_384
    assert owner.page("/admin/models/model?id=maker/silent").textbox("Context length in tokens").value == "16384"
    assert owner.submit("/admin/models/model?id=maker/silent", name="", context_length="12").status_code == 422
    # Without it, what a refusal has said is the first that is known; taken back once more, that is forgotten.
    for known in (8192, None):
        owner.submit("/admin/models/model?id=maker/silent", name="", context_length="")
        assert length_of(listed, "maker/silent") == known
    assert member.post("/admin/models/model?id=maker/silent", name="", context_length="16384").status_code == 403


def test_it_is_set_by_the_api_alone_or_with_the_name(listed: Flask, admin: Client) -> None:
    admin.said("PATCH", "/models", 200, {"id": "maker/told", "name": "Ours"})
    changed = admin.said("PATCH", "/models", 200, {"id": "maker/told", "context_length": 65_536})
    assert (changed["name"], changed["context_length"]) == ("Ours", 65_536)
    again = admin.said("PATCH", "/models", 200, {"id": "maker/told", "context_length": None})
    assert (again["name"], again["context_length"]) == ("Ours", 200_000)
    admin.said("PATCH", "/models", 422, {"id": "maker/told", "context_length": 10})
    admin.said("PATCH", "/models", 404, {"id": "maker/gone", "context_length": 4096})


def test_another_server_in_its_place_begins_anew(app: Flask, fake: Fake) -> None:
    with app.app_context():
        entered = ConnectionInput(name="Ours", base_url=fake.base_url)
        slug = connections.create("openai", entered, author=COMMAND_LINE)
        the_connections().forget()
        contexts.learn(f"{slug}:one", 4096)
        contexts.learn("maker/other", 8192)
    assert length_of(app, f"{slug}:one") == 4096
    with app.app_context():
        connections.change(slug, ConnectionInput(name="Ours", base_url="http://127.0.0.1:9/v1"), author=COMMAND_LINE)
        assert db.session.scalars(db.select(ModelContext.model)).all() == ["maker/other"]
        contexts.learn(f"{slug}:one", 2048)
        connections.delete(slug, author=COMMAND_LINE)
    assert length_of(app, f"{slug}:one") is None


def test_own_models_learn_for_their_person(app: Flask, program: Client, model: str) -> None:
    with app.app_context():
        contexts.learn(model, 4096)
        own = the_models().model(model)
    assert own
    assert own.context_length == 4096
    program.said("DELETE", f"/connections/{model.partition(':')[0]}", 204)
    with app.app_context():
        assert not db.session.scalars(db.select(ModelContext)).all()
