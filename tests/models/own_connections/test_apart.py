"""Caches of people's own connections, in two workers: whatever is asked in whatever order, no one gets what is another's."""

from random import Random
from typing import Any

import pytest
from flask import Flask

from tests.conftest import MakeApp
from tests.support.browser import Browser
from tests.support.marks import on_both_databases
from tests.support.people import user_with_session
from tests.support.rounds import ROUNDS
from tests.upstream.handle import Upstream
from webapp.base.audit import COMMAND_LINE
from webapp.base.db import db
from webapp.base.errors import Invalid, NotFound
from webapp.models.connections import service as connections
from webapp.models.connections.cache import the_connections
from webapp.models.connections.models import the_models
from webapp.models.connections.providers import providers
from webapp.models.connections.service import ConnectionInput
from webapp.models.own_connections import service
from webapp.models.own_connections.service import OwnConnectionInput
from webapp.people.accounts import queries
from webapp.people.accounts.tables import PersonAuthor, User
from webapp.settings.service import set_settings

PEOPLE, STEPS = ("ada", "ben", "cleo"), 60


def key_of(person: str) -> str:
    return f"sk-own-canary-of-{person}-0001"


class Worker:
    """One of two processes with the same database, which asks for models in the name of people."""

    def __init__(self, app: Flask, fake: Upstream) -> None:
        self.app, self.fake = app, fake

    def listed(self, person: str) -> set[str]:
        with self.app.app_context():
            return {model.id for model in the_models().offered(person) if model.id.startswith("my.")}

    def used(self, model: str, person: str) -> str:
        """Returns the key that a request for this model is sent with, or an empty text if it is refused."""
        with self.app.app_context():
            try:
                provider = providers().for_model(model, person=person)
            except Invalid:
                return ""
            before = len(self.fake.log())
            provider.models()
            return str(self.fake.log()[before]["headers"]["authorization"]).removeprefix("Bearer ")

    def seen(self, slug: str, person: str) -> bool:
        with self.app.app_context():
            try:
                return bool(the_connections().own.connection(slug, person))
            except NotFound:
                return False


@pytest.fixture
def ids(app: Flask) -> dict[str, str]:
    with app.app_context():
        for person in PEOPLE:
            user_with_session(f"{person}@example.org", "member")
        return {person: str(queries.user_by_email(f"{person}@example.org").id) for person in PEOPLE}  # type: ignore[union-attr]


@pytest.mark.rounds
@on_both_databases
def test_whoever_asks_gets_their_own_or_nothing(app: Flask, make_app: MakeApp, ids: dict[str, str], fake: Upstream) -> None:
    workers = [Worker(app, fake), Worker(make_app(**fake.environ), fake)]
    slugs: dict[str, str] = {}
    with app.app_context():
        set_settings({"connections.personal": "keys"}, author=COMMAND_LINE)
        slug = connections.create("openai", ConnectionInput(name="Ours", base_url=fake.base_url), author=COMMAND_LINE)
        connections.offer(slug, is_offered=True, author=COMMAND_LINE)
        the_connections().forget()
        for person in PEOPLE:
            author = PersonAuthor(db.session.get_one(User, ids[person]))
            entered = OwnConnectionInput(name="The same name", key=key_of(person), offered=slug)
            slugs[person] = service.add("openai", entered, author=author)
    with workers[1].app.app_context():
        the_connections().forget()
    models = {person: min(workers[0].listed(ids[person])) for person in PEOPLE}
    assert len(set(models.values())) == len(PEOPLE)

    random = Random(ROUNDS)
    for _ in range(STEPS):
        worker, person, of = random.choice(workers), random.choice(PEOPLE), random.choice(PEOPLE)
        is_theirs = person == of
        step: Any = random.choice(("list", "use", "see", "name", "nobody", "forget"))
        if step == "list":
            assert {model.partition(":")[0] for model in worker.listed(ids[person])} == {slugs[person]}
        elif step == "use":
            assert worker.used(models[of], ids[person]) == (key_of(person) if is_theirs else "")
        elif step == "see":
            assert worker.seen(slugs[of], ids[person]) == is_theirs
        elif step == "nobody":
            assert worker.used(models[of], "") == ""
            assert not worker.listed("")
        else:
            with worker.app.app_context():
                # What a model is can be asked by its id; that must not open it to the next who asks.
                assert "The same name" in the_models().display_name(models[of])
                if step == "forget":
                    the_connections().forget()


def test_the_teams_lists_and_pages_have_none_of_it(app: Flask, ids: dict[str, str], owner: Browser, fake: Upstream) -> None:
    with app.app_context():
        set_settings({"connections.personal": "keys"}, author=COMMAND_LINE)
        slug = connections.create("openai", ConnectionInput(name="Ours", base_url=fake.base_url), author=COMMAND_LINE)
        connections.offer(slug, is_offered=True, author=COMMAND_LINE)
        the_connections().forget()
        author = PersonAuthor(db.session.get_one(User, ids["ada"]))
        entered = OwnConnectionInput(name="Canary of Ada", key=key_of("ada"), offered=slug)
        mine = service.add("openai", entered, author=author)
    pages = ("/admin/connections", f"/admin/connections/{slug}", "/admin/models", "/admin/audit", "/admin/health", "/admin/keys")
    texts = {path: owner.get(path).text for path in pages}
    assert not [path for path, text in texts.items() if "Canary of Ada" in text or key_of("ada") in text]
    assert owner.get(f"/admin/models/model?id={mine}:some/model").status_code == 404
    assert owner.get(f"/admin/connections/{mine}").status_code == 404
