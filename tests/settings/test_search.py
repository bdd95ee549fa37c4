"""The first page of the administration: its pages by group, and a search over all settings."""

import pytest
from flask import Flask

from tests.support.browser import Browser
from webapp.settings.catalog import SETTINGS, matching


def test_the_first_page_lists_every_page_by_group(owner: Browser) -> None:
    page = owner.page("/admin")

    assert page.heading == "Administration"
    assert [node.text().strip() for node in page.all("main h2")] == ["Models", "People", "Operations"]
    links = {node.attributes["href"] for node in page.all("main section a")}
    assert {"/admin/connections", "/admin/people", "/admin/settings", "/admin/health"} <= links
    assert not page.all("#found a")


@pytest.mark.parametrize(
    ("path", "current"),
    [("/admin/health", "Health"), ("/admin/plan-types/new", "Plan types"), ("/experiments", "Experiments")],
)
def test_every_page_of_the_administration_lists_all_of_them(owner: Browser, path: str, current: str) -> None:
    page = owner.page(path)

    assert [node.text() for node in page.all("nav.rail section > p")] == ["Models", "People", "Operations"]
    assert [node.text() for node in page.all("nav.rail [aria-current]")] == [current]
    assert page.one("nav.rail .rail__head a").attributes["href"] == "/admin"


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
    page = owner.page("/admin/settings").form("Search all settings").submit(q="audit")

    assert page.path.startswith("/admin")
    assert [node.text() for node in page.all("#found .what")] == ["Audit", "Keep the audit log, in days"]
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
    # Before any model is listed, the button that lists them has the focus.
    assert [node.attributes.get("name") or node.text().strip() for node in page.all("[autofocus]")] == [focused]


def test_with_htmx_only_the_results_come(owner: Browser) -> None:
    fragment = owner.htmx_get("/admin?q=trash")

    assert fragment.one("#found")
    assert not fragment.all("title")


def test_a_setting_that_does_not_exist_is_not_marked(app: Flask, owner: Browser) -> None:
    assert not owner.page("/admin/settings?setting=%3Cscript%3E").all(".setting--found")
