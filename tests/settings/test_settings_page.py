"""The forms for settings: the server's, and a person's own."""

import pytest
from flask import Flask

from tests.api.client import Client
from tests.conftest import MakeApp, signed_in
from tests.support.browser import Browser
from tests.support.markup import words
from tests.upstream.handle import Upstream as Fake
from webapp.settings.catalog import SETTINGS
from webapp.settings.service import all_settings, setting, shown_setting


@pytest.fixture
def listed(owner: Browser, fake: Fake) -> Browser:
    """The owner, after the built-in connection has listed its models."""
    fake.always({"json": {"data": [{"id": "maker/model-one"}]}}, at="/models")
    owner.submit("/admin/connections/openrouter", key="sk-or-v1-0123456789")
    owner.page("/admin/models").press("Refresh")
    return owner


def test_every_setting_has_one_place_with_value_source_sentence_and_bounds(owner: Browser) -> None:
    pages = {path: owner.page(path) for path in {entry.page for entry in SETTINGS.values()}}

    named = [str(node.attributes["id"]).removeprefix("setting-") for page in pages.values() for node in page.all(".setting")]
    # The models that people can choose are selected on the Models page, and rules have a page of their own.
    assert sorted(named) == sorted(set(SETTINGS) - {"models.allowed", "models.rules", "languages.default"})
    for entry in map(SETTINGS.__getitem__, named):
        assert pages[entry.page].all(f"[name='{entry.name}']")
        assert pages[entry.page].says(entry.title)
        assert pages[entry.page].says(entry.sentence)
    assert pages["/admin/settings/streaming"].says("10 to 10,000 · default: 250.")


def test_what_is_saved_counts_and_goes_back_to_the_default(owner: Browser, app: Flask) -> None:
    owner.submit("/admin/settings/demo", **{"demo.visitors": "false"})
    page = owner.submit("/admin/settings/retention", **{"trash.days": "7", "restart.policy": "ask"})
    assert page.says("Saved.")
    with app.app_context():
        assert (setting("trash.days"), setting("demo.visitors"), setting("restart.policy")) == (7, False, "ask")
        assert [line.changed_by for line in all_settings() if line.setting.name == "trash.days"] == ["owner"]
        assert shown_setting("stream.stall_seconds").source == "default"
    assert page.says("changed")
    assert [node.attributes["id"] for node in page.all(".setting--changed")] == ["setting-trash.days", "setting-restart.policy"]

    page = page.press("Reset to 30 for Keep deleted chats, in days")

    assert page.says("Keep deleted chats, in days: reset.")
    assert [node.attributes["id"] for node in page.all(".setting--changed")] == ["setting-restart.policy"]

    with app.app_context():
        assert (setting("trash.days"), shown_setting("trash.days").source) == (30, "default")


def test_saving_what_was_not_changed_stores_nothing(owner: Browser, app: Flask) -> None:
    page = owner.page("/admin/settings/limits").press("Save")

    assert page.says("No changes.")
    with app.app_context():
        assert {shown_setting(name).source for name in SETTINGS} == {"default"}


def test_a_wrong_value_is_refused_in_place_and_nothing_is_stored(owner: Browser, app: Flask) -> None:
    page = owner.submit("/admin/settings/limits", **{"limits.message_chars": "many", "limits.streams_burst": "5"})

    assert page.status_code == 422
    assert page.error_at("Message length").endswith("A whole number from 0 to 10000000.")
    assert page.textbox("Message length").value == "many"
    assert page.textbox("Answer burst limit").value == "5"
    with app.app_context():
        assert setting("limits.streams_burst") == 10


def test_above_the_form_stands_what_is_wrong_and_leads_there(owner: Browser) -> None:
    page = owner.submit("/admin/settings/limits", **{"limits.streams_burst": "soon", "limits.answer_chars": "x"})

    alert = page.one("form [role=alert]")
    assert [link.attributes["href"] for link in alert.css("a")] == ["#limits.streams_burst", "#limits.answer_chars"]
    assert all(page.all(f'[id="{name}"]') for name in ("limits.streams_burst", "limits.answer_chars"))
    assert words(alert.text()).endswith("Answer length: A whole number from 0 to 10000000.")
    # A folded section is open if it contains an error.
    assert len(page.all("details.fold[open]")) == 1
    assert not owner.page("/admin/settings/limits").all("details.fold[open], [role=alert]")


@pytest.mark.mostly_slow
@pytest.mark.parametrize("name", ["models.default", "models.titles", "models.fallbacks"])
def test_a_model_that_nobody_lists_is_refused_wherever_it_is_set(listed: Browser, app: Flask, name: str) -> None:
    page = listed.submit("/admin/models", **{name: "maker/nonsense"})

    assert page.status_code == 422
    assert "No connection lists “maker/nonsense”." in page.one(f"[id='{name}-error']").text()
    assert page.all(f"[id='{name}'][aria-describedby~='{name}-error']")
    Client(app, browser=listed).said("PUT", f"/settings/{name}", 422, {"value": "maker/nonsense"})
    told = app.test_cli_runner().invoke(args=["settings", "set", name, "demo/nonsense"])
    assert (told.exit_code, "No connection lists “demo/nonsense”." in told.output) == (1, True)
    with app.app_context():
        assert shown_setting(name).source == "default"
    assert listed.submit("/admin/models", **{name: "maker/model-one"}).says("Saved.")


def test_a_model_that_is_gone_does_not_keep_the_others_from_being_saved(listed: Browser, fake: Fake) -> None:
    listed.submit("/admin/models", **{"models.default": "maker/model-one"})
    fake.always({"json": {"data": [{"id": "maker/other"}]}}, at="/models")
    listed.page("/admin/models").press("Refresh")

    assert listed.page("/admin/models").press("Save", **{"models.max_tokens": "7"}).says("Saved.")


@pytest.mark.slow
def test_the_environment_is_named_as_the_source(make_app: MakeApp) -> None:
    app = make_app(OPENROUTER_TEMPERATURE="0.7", OPENROUTER_MAX_TOKENS="500", STREAMING_TIMEOUT="300000")
    owner = signed_in(app, "olive@example.org", "owner")

    page = owner.page("/admin/models")

    assert page.says("Temperature environment")
    assert page.textbox("Temperature").value == "0.7"
    assert page.textbox("Max tokens").value == "500"
    page.press("Save", **{"models.temperature": "1"}).press("Reset to the server’s 0.7 for Temperature")
    with app.app_context():
        assert setting("models.temperature") == 0.7


def test_an_unknown_name_is_refused(owner: Browser) -> None:
    assert owner.post("/admin/settings/trash.day/reset").status_code == 404
    assert owner.post("/admin/settings/limits", **{"no.such": "1"}).status_code == 303
    assert owner.get("/admin/settings/kingfisher").status_code == owner.post("/admin/settings/kingfisher").status_code == 404


def test_the_first_page_of_settings_lists_the_parts_and_what_was_changed(owner: Browser) -> None:
    page = owner.page("/admin/settings")
    assert not page.says("Changed")
    paths = [node.attributes["href"] for node in page.all("main .rows--places a")]
    # Tools are set up from their own page.
    above = {entry.page for entry in SETTINGS.values()} - {"/admin/tools/web", "/admin/tools/pictures"}
    assert sorted(path or "" for path in paths) == sorted(above)

    owner.submit("/admin/settings/limits", **{"limits.streams_burst": "5", "limits.plans_per_month": "3"})

    page = owner.page("/admin/settings")
    changed = page.all("section[aria-labelledby=changed] a")
    assert [node.attributes["href"] for node in changed] == [
        SETTINGS[name].url for name in ("limits.streams_burst", "limits.plans_per_month")
    ]
    assert page.says("Limits 2 changed")
    assert owner.page("/admin/areas/people").says("Limits 2 changed")


def test_a_wrong_reset_of_nothing_is_harmless(owner: Browser, app: Flask) -> None:
    assert owner.post("/admin/settings/trash.days/reset").location == "/admin/settings/retention#setting-trash.days"
    with app.app_context():
        assert setting("trash.days") == 30


# A person's own settings


def test_a_person_chooses_a_theme_and_every_page_has_it(member: Browser, stranger: Browser) -> None:
    page = member.submit("/settings/look", theme="dark")

    assert page.says("Saved.")
    for path in ("/", "/settings", "/chats"):
        assert member.page(path).one("html").attributes.get("data-theme") == "dark"
        assert "data-theme" not in stranger.page(path).one("html").attributes
    member.submit("/settings/look", theme="")
    assert "data-theme" not in member.page("/").one("html").attributes


def test_a_person_chooses_a_model_for_new_chats(member: Browser) -> None:
    page = member.submit("/settings/chats", default_model="demo/code")

    assert page.named("select", "Model for new chats").css_first("option[selected]").attributes["value"] == "demo/code"


@pytest.mark.parametrize(("part", "wrong"), [("look", {"theme": "pink"}), ("chats", {"default_model": "maker/gone"})])
def test_what_cannot_be_chosen_is_refused(member: Browser, part: str, wrong: dict[str, str]) -> None:
    page = member.post(f"/settings/{part}", **wrong)

    assert page.status_code == 422
    assert page.all("[aria-invalid=true]")


def test_a_visitor_signs_in_first(visitor: Browser) -> None:
    assert visitor.get("/settings/look").location == "/login?next=/settings/look"
    assert visitor.post("/settings/look", theme="dark").location == "/login"


def test_members_see_no_way_into_the_administration(member: Browser, owner: Browser) -> None:
    assert not member.page("/settings").all("a[href^='/admin']")
    assert owner.page("/settings").all("main a[href='/admin']")
    assert owner.page("/admin").heading == "Administration"
