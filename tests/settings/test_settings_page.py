"""Settings by form: the house's and one's own."""

import pytest
from flask import Flask

from tests.conftest import MakeApp, signed_in
from tests.support.browser import Browser
from webapp.settings.catalog import SETTINGS
from webapp.settings.service import listing, setting, shown


def test_every_setting_has_its_place_with_value_source_sentence_and_bounds(owner: Browser) -> None:
    page = owner.page("/admin/settings")

    assert {node.attributes["name"] for node in page.all("main [name]") if "." in (node.attributes["name"] or "")} == set(
        SETTINGS
    )
    for each in SETTINGS.values():
        assert page.says(each.title)
        assert page.says(each.sentence)
    assert page.says("10 to 10,000 · default 250.")


def test_what_is_saved_counts_and_goes_back_to_the_default(owner: Browser, app: Flask) -> None:
    page = owner.submit("/admin/settings", **{"trash.days": "7", "demo.visitors": "false", "restart.policy": "ask"})
    assert page.says("Saved.")
    with app.app_context():
        assert (setting("trash.days"), setting("demo.visitors"), setting("restart.policy")) == (7, False, "ask")
        assert [each.changed_by for each in listing() if each.setting.name == "trash.days"] == ["owner"]
        assert shown("stream.stall_seconds").source == "default"
    assert page.says("stored here")

    page = page.press("Back to the default of Keep deleted chats, in days")

    with app.app_context():
        assert (setting("trash.days"), shown("trash.days").source) == (30, "default")


def test_saving_what_was_not_changed_stores_nothing(owner: Browser, app: Flask) -> None:
    page = owner.page("/admin/settings").press("Save")

    assert page.says("Nothing was different.")
    with app.app_context():
        assert {shown(name).source for name in SETTINGS} == {"default"}


def test_a_wrong_value_is_refused_in_place_and_nothing_is_stored(owner: Browser, app: Flask) -> None:
    page = owner.submit("/admin/settings", **{"trash.days": "soon", "stream.read_size": "0", "limits.streams_burst": "5"})

    assert page.status_code == 422
    assert page.error_at("Keep deleted chats, in days").endswith("A whole number from 0 to 36500.")
    assert page.textbox("Keep deleted chats, in days").value == "soon"
    assert page.textbox("Answers at once").value == "5"
    with app.app_context():
        assert setting("limits.streams_burst") == 10


def test_the_environment_is_named_as_the_source(make_app: MakeApp) -> None:
    app = make_app(OPENROUTER_TEMPERATURE="0.7", OPENROUTER_MAX_TOKENS="500", STREAMING_TIMEOUT="300000")
    owner = signed_in(app, "olive@example.org", "owner")

    page = owner.page("/admin/settings")

    assert page.says("Temperature environment")
    assert page.textbox("Temperature").value == "0.7"
    assert page.textbox("Longest answer, in tokens").value == "500"
    page.press("Save", **{"models.temperature": "1"}).press("Back to the default of Temperature")
    with app.app_context():
        assert setting("models.temperature") == 0.7


def test_an_unknown_name_is_refused(owner: Browser) -> None:
    assert owner.post("/admin/settings/trash.day/reset").status_code == 404
    assert owner.post("/admin/settings", **{"no.such": "1"}).status_code == 303


# One's own


def test_a_person_chooses_a_theme_and_every_page_has_it(member: Browser, stranger: Browser) -> None:
    page = member.submit("/settings", theme="dark", default_model="")

    assert page.says("Saved.")
    for path in ("/", "/settings", "/chats"):
        assert member.page(path).one("html").attributes.get("data-theme") == "dark"
        assert "data-theme" not in stranger.page(path).one("html").attributes
    member.submit("/settings", theme="", default_model="")
    assert "data-theme" not in member.page("/").one("html").attributes


def test_a_person_chooses_a_model_for_new_chats(member: Browser) -> None:
    page = member.submit("/settings", theme="light", default_model="demo/code")

    assert page.named("select", "Model of a new chat").css_first("option[selected]").attributes["value"] == "demo/code"


@pytest.mark.parametrize("wrong", [{"theme": "pink"}, {"theme": "", "default_model": "maker/gone"}])
def test_what_cannot_be_chosen_is_refused(member: Browser, wrong: dict[str, str]) -> None:
    page = member.post("/settings", **wrong)

    assert page.status_code == 422
    assert page.all("[aria-invalid=true]")


def test_a_visitor_signs_in_first(visitor: Browser) -> None:
    assert visitor.get("/settings").location == "/login?next=/settings"
    assert visitor.post("/settings", theme="dark").location == "/login"


def test_members_see_no_way_into_the_administration(member: Browser, owner: Browser) -> None:
    assert not member.page("/settings").has("a[href]", "Administration")
    assert owner.page("/settings").click("Administration").heading == "Connections"
