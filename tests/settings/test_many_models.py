"""Limits on the number of models that all connections list together, which are left out, and how to add one."""

import pytest
from flask import Flask

from tests.conftest import signed_in
from tests.settings.test_connections import add
from tests.support.browser import Browser
from tests.upstream.handle import Upstream as Fake
from webapp.base.db import utc_now, write
from webapp.base.ids import new_id
from webapp.models.connections import listing
from webapp.models.connections.cache import the_connections
from webapp.models.connections.effective import live_connection
from webapp.models.connections.listing import MOST_MODELS, cut, share
from webapp.models.connections.models import the_models
from webapp.models.connections.providers import providers
from webapp.models.connections.tables import Connection
from webapp.settings.service import set_setting
from webapp.web.pick_field import MOST_SHOWN

LONG = [{"id": f"m{number:04}", "name": f"Model {number:04}"} for number in range(2500)]


def offered(app: Flask) -> list[str]:
    with app.app_context():
        the_connections().forget()
        return [model.id for model in the_models().offered()]


def of(app: Flask, slug: str) -> tuple[int, int]:
    with app.app_context():
        the_connections().forget()
        live = the_connections().connection(slug)
    return len(live.models), live.left_out


def connected(owner: Browser, fake: Fake, name: str, listed: list[dict[str, str]]) -> None:
    fake.always({"json": {"data": listed}}, at="/models")
    add(owner, fake, name=name)
    owner.post(f"/admin/connections/{name}/test")


def test_short_lists_stay_whole_and_long_ones_share_the_rest() -> None:
    for sizes, most in (([], 100), ([30, 70], 100), ([60, 60], 50), ([60, 10, 60], 45), ([90, 5, 6, 7], 82), ([1] * 300, 0)):
        assert share(sizes, 100) == most
        assert sum(min(size, most) for size in sizes) <= 100


def test_what_is_named_is_kept_before_the_first() -> None:
    listed = [{"id": name} for name in "abcdef"]

    assert cut(listed, 6, set()) == listed
    assert cut(listed, 3, {"e", "x"}) == [{"id": name} for name in "abe"]
    assert cut(listed, 1, {"e", "f"}) == [{"id": "e"}]


@pytest.mark.slow
def test_a_hostile_server_takes_nothing_from_a_short_list(app: Flask, owner: Browser, fake: Fake) -> None:
    connected(owner, fake, "small", LONG[:400])
    connected(owner, fake, "long", LONG)
    connected(owner, fake, "other", LONG)

    assert of(app, "small") == (400, 0)
    assert of(app, "long") == of(app, "other") == (1300, 1200)
    assert len(offered(app)) == MOST_MODELS

    page = owner.page("/admin/connections/long")
    assert page.says("1,200 models left out: all connections together list at most 3,000.")
    assert owner.page("/admin/health").says("1,200 models left out")
    assert not owner.page("/admin/connections/small").says("left out")


@pytest.mark.slow
def test_a_model_that_is_left_out_is_used_by_its_name(app: Flask, owner: Browser, fake: Fake) -> None:
    connected(owner, fake, "long", LONG)
    connected(owner, fake, "other", LONG)
    name = "long:m2400"
    assert name not in offered(app)

    page = owner.page("/admin/models")
    assert page.says("2,000 models left out of the list")
    owner.post("/admin/models/allowed", added=name)
    assert offered(app) == [name]
    with app.app_context():
        assert providers().for_model(name)

    # Once it is named in the settings, the list keeps it with all its metadata.
    owner.post("/admin/connections/long/test")
    with app.app_context():
        the_connections().forget()
        assert "m2400" in the_connections().connection("long").listed
    assert owner.post("/admin/models/allowed", added="small:nothing").status_code in (303, 422)


def test_lists_of_an_earlier_release_are_cut_before_the_start(app: Flask, fake: Fake) -> None:
    with app.app_context():
        with write() as session:
            models = [{"id": model["id"], "name": model["name"]} for model in LONG]
            session.add_all(_row(slug, models) for slug in ("one", "two", "three"))
        set_setting("models.allowed", "two:m2499")
        with write() as session:
            listing.fit(session)
        the_connections().forget()
        two = the_connections().connection("two")
    assert [of(app, slug) for slug in ("one", "two", "three")] == [(1000, 1500)] * 3
    assert "m2499" in two.listed


def _row(slug: str, models: list[dict[str, str]]) -> Connection:
    return Connection(
        id=new_id(), slug=slug, name=slug, kind="openai", base_url="http://127.0.0.1:9/v1", models=models, models_at=utc_now()
    )


@pytest.mark.slow
def test_the_api_says_how_many_are_left_out(app: Flask, owner: Browser, fake: Fake) -> None:
    connected(owner, fake, "long", LONG)
    connected(owner, fake, "other", LONG)
    signed_in(app, "ada@example.org", "admin")

    found = {connection["slug"]: connection for connection in owner.get("/api/v1/connections").json["connections"]}
    assert (found["long"]["models"], found["long"]["left_out"]) == (1500, 1000)


@pytest.mark.slow
def test_pages_with_many_models_offer_as_many_as_they_show(app: Flask, owner: Browser, fake: Fake) -> None:
    connected(owner, fake, "long", LONG)

    for path, id in (("/plans/new?type=monthly", "plan-model"), ("/settings/chats", "default_model")):
        page = owner.page(path)
        assert page.one(f"#{id}").attributes["list"] == f"{id}-options"
        assert len(page.all(f"#{id}-options option")) == MOST_SHOWN
    for path, list_id in (("/admin/models", "model-ids"), ("/admin/connections/long", "models")):
        assert len(owner.page(path).all(f"datalist#{list_id} option")) == MOST_SHOWN

    for typed in ("Model 2400", "long:m2400"):
        owner.submit("/settings/chats", default_model=typed)
        assert owner.page("/settings/chats").one("#default_model").attributes["value"] == "Model 2400"
    assert "More than 100 match" in owner.submit("/settings/chats", default_model="Model").error_at("Model for new chats")
    page = owner.submit("/settings/chats", default_model="Model 999")
    assert [option.text() for option in page.all("#default_model option")] == ["Choose one", "Model 0999", "Model 1999"]


def test_what_concerns_one_connection_reads_no_list_but_its_own(app: Flask, owner: Browser, fake: Fake) -> None:
    for name in ("one", "two", "three"):
        connected(owner, fake, name, LONG[:3])

    with owner.counting_statements(of_all=True) as statements, app.app_context():
        found = live_connection("two")
    assert found is not None
    assert [model.id for model in found.models] == ["m0000", "m0001", "m0002"]
    assert len([statement for statement in statements if statement.startswith("SELECT connections.models \n")]) == 1
