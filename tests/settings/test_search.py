"""The first page of the administration: its pages by group, and a search over all settings."""

import pytest
from flask import Flask

from tests.support.browser import Browser
from tests.support.markup import words
from webapp.settings.catalog import SECTIONS, SETTINGS
from webapp.settings.parts import PARTS
from webapp.settings.search import matching
from webapp.web.navigation import AREAS as PAGES_OF_AREAS, NavEntry

AREAS = ["Models", "People", "Costs", "Notifications", "System", "Advanced"]


def test_the_first_page_lists_every_page_by_group(owner: Browser) -> None:
    page = owner.page("/admin")

    assert page.heading == "Administration"
    assert [node.text().strip() for node in page.all("main h2")] == AREAS
    links = {node.attributes["href"] for node in page.all("main .area a")}
    assert {"/admin/connections", "/admin/people", "/admin/settings", "/admin/health", "/admin/settings/limits"} <= links
    assert not page.all("#found a")


@pytest.mark.parametrize(
    ("path", "current"),
    [
        ("/admin/health", "Health"),
        ("/admin/plan-types/new", "Plan types"),
        ("/experiments", "Experiments"),
        ("/admin/settings", "Settings"),
        ("/admin/settings/limits", "Limits"),
        ("/admin/areas/costs", "Costs"),
    ],
)
def test_every_page_of_the_administration_lists_all_of_them(owner: Browser, path: str, current: str) -> None:
    page = owner.page(path)

    assert [words(node.text()) for node in page.all("nav.rail > ul > li > a")] == AREAS
    assert [words(node.text()) for node in page.all("nav.rail [aria-current]")] == [current]
    assert page.one("nav.rail .rail__head a").attributes["href"] == "/admin"


@pytest.mark.parametrize("area", PAGES_OF_AREAS, ids=AREAS)
def test_an_area_lists_its_pages_with_a_sentence_each(owner: Browser, area: NavEntry) -> None:
    page = owner.page(area.path)

    assert page.heading == area.title
    assert page.says(area.about)
    sentences = [words(node.text()) for node in page.all("main .rows .how")]
    assert len(sentences) >= 3
    assert all(sentence.endswith(".") for sentence in sentences)


def test_areas_are_for_admins_and_no_others_exist(owner: Browser, member: Browser, visitor: Browser) -> None:
    assert owner.get("/admin/areas/kingfisher").status_code == 404
    assert member.get("/admin/areas/costs").status_code == 403
    assert visitor.get("/admin/areas/costs").location == "/login?next=/admin/areas/costs"


def test_each_part_of_the_settings_is_of_an_area_and_has_settings() -> None:
    assert {part.area for part in PARTS.values()} <= set(AREAS)
    assert {part.title for part in PARTS.values()} == set(SECTIONS) - {
        "Models",
        "Email",
        "Tools",
        "Web search",
        "Pictures",
        "Single sign-on",
    }
    for part in PARTS.values():
        assert {setting.page for setting in SECTIONS[part.title]} == {part.path}


def test_no_other_page_lists_them_and_nor_does_one_that_is_refused(owner: Browser, member: Browser) -> None:
    assert not owner.page("/admin").all("nav.rail")
    assert not owner.page("/settings").all("nav.rail")
    assert not member.get("/admin/health").all("nav.rail")


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_every_setting_is_found_by_its_name_and_by_its_title(name: str) -> None:
    for query in (name, name.replace("_", " ").upper(), SETTINGS[name].title, SETTINGS[name].sentence):
        assert SETTINGS[name] in [setting for _section, setting in matching(query)], query


def test_what_has_the_word_in_its_title_comes_first() -> None:
    found = [setting.name for _section, setting in matching("timeout")]
    assert found[0] == "stream.first_byte_seconds"
    assert not matching("")
    assert not matching("kingfisher timeout")


def test_a_form_finds_settings_and_pages(owner: Browser) -> None:
    page = owner.page("/admin/settings").form("Search pages and settings").submit(q="audit")

    assert page.path.startswith("/admin")
    assert [node.text() for node in page.all("#found .what")] == ["Audit log", "Keep the audit log, in days"]
    assert page.says("2 results")
    assert owner.page("/admin?q=kingfisher").says("No matching settings or pages.")


def test_a_result_leads_to_its_field_marked_and_with_the_focus(owner: Browser) -> None:
    page = owner.page("/admin?q=stall").click("Stall timeout, in seconds Streaming")

    assert [node.attributes["id"] for node in page.all(".setting--found")] == ["setting-stream.stall_seconds"]
    assert [node.attributes["name"] for node in page.all("[autofocus]")] == ["stream.stall_seconds"]
    # The setting is in a folded section.
    assert len(page.all("details.fold[open]")) == 1


@pytest.mark.parametrize(("name", "focused"), [("models.titles", "models.titles"), ("models.allowed", "Refresh")])
def test_settings_of_models_are_found_where_models_are(owner: Browser, name: str, focused: str) -> None:
    page = owner.page(SETTINGS[name].url)

    assert page.path.startswith("/admin/models")
    assert len(page.all(".setting--found")) == 1
    # Before any model is listed, the button that lists them has the focus; the popover's search waits until it opens.
    assert [node.attributes.get("name") or node.text().strip() for node in page.all("[autofocus]:not([popover] *)")] == [focused]


def test_with_htmx_only_the_results_come(owner: Browser) -> None:
    fragment = owner.htmx_get("/admin?q=trash")

    assert fragment.one("#found")
    assert not fragment.all("title")


def test_a_setting_that_does_not_exist_is_not_marked(app: Flask, owner: Browser) -> None:
    for path in ("/admin/settings", "/admin/settings/limits"):
        assert not owner.page(f"{path}?setting=%3Cscript%3E").all(".setting--found")


def test_an_address_of_all_settings_leads_to_the_one_it_names(owner: Browser) -> None:
    assert owner.get("/admin/settings?setting=trash.days").location == "/admin/settings/retention?setting=trash.days"
