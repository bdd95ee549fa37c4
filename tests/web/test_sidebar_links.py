"""The links of the sidebar: which a person sees and hides, what they lead to as tabs, and the account menu."""

import pytest
from flask import Flask

from tests.api.client import client_of
from tests.conftest import signed_in
from tests.support.browser import Browser
from tests.support.markup import words
from tests.support.page import Page

PATH = "/settings/sidebar"
NAMES = ["New chat", "Search", "Projects", "Characters", "Knowledge", "Prompts", "Plans & workflows"]


def links(page: Page) -> list[str]:
    return [words(node.text()) for node in page.all("#sidebar > a.button")]


def test_the_sidebar_leads_to_the_features_in_their_order(member: Browser) -> None:
    page = member.page("/chats")

    assert links(page) == [name for name in NAMES if name != "Search"]
    assert page.all("#sidebar-search")
    assert not page.all("#sidebar > a.button[aria-current]")


@pytest.mark.parametrize(
    ("path", "current"),
    [("/characters/new", "Characters"), ("/personas", "Characters"), ("/lorebooks", "Characters"), ("/prompts/new", "Prompts")],
)
def test_the_link_of_the_page_is_marked(member: Browser, path: str, current: str) -> None:
    assert [words(node.text()) for node in member.page(path).all("#sidebar > a[aria-current]")] == [current]


@pytest.mark.parametrize(
    "paths",
    [
        ["/characters", "/personas", "/lorebooks", "/characters/variables"],
        ["/prompts", "/presets"],
        ["/plans", "/workflows", "/schedules"],
    ],
    ids=["characters", "prompts", "plans"],
)
def test_pages_of_one_link_are_tabs_of_each_other(member: Browser, paths: list[str]) -> None:
    for path in paths:
        tabs = member.page(path).all("nav.tabs a")
        assert [tab.attributes["href"] for tab in tabs] == paths
        assert [tab.attributes["href"] for tab in tabs if "aria-current" in tab.attributes] == [path]


def test_other_pages_have_no_tabs(member: Browser, visitor: Browser) -> None:
    for path in ("/", "/knowledge", "/prompts/new", "/characters/new", "/settings"):
        assert not member.page(path).all("nav.tabs")
    assert not visitor.page("/help").all("nav.tabs")


def test_a_guest_who_makes_neither_plans_nor_schedules_sees_workflows_alone(app: Flask, owner: Browser) -> None:
    guest = signed_in(app, "gus@example.org", "guest")
    client_of(app, owner.email).said("PUT", "/permissions", 200, {"roles": {"guest": {"schedules": False}}})

    page = guest.page("/workflows")

    assert links(page)[-1] == "Workflows"
    assert not page.all("nav.tabs")
    assert page.link("Workflows").attributes["href"] == "/workflows"


def test_a_person_hides_links_and_shows_them_again(member: Browser, stranger: Browser) -> None:
    page = member.page(PATH)
    assert [field.attributes["value"] for field in page.all("input[name=shown][checked]")] == NAMES

    assert member.post(PATH, shown="Knowledge").location == PATH

    page = member.page(PATH)
    assert page.says("Saved.")
    assert links(page) == ["Knowledge"]
    assert not page.all("#sidebar-search")
    assert [field.attributes["value"] for field in page.all("input[name=shown][checked]")] == ["Knowledge"]
    assert links(stranger.page("/chats")) == [name for name in NAMES if name != "Search"]

    page = page.press("Show all")
    assert links(page) == [name for name in NAMES if name != "Search"]
    assert not page.has("button", "Show all")


def test_an_unknown_link_changes_nothing(member: Browser) -> None:
    member.post(PATH, shown="<script>")
    assert member.page(PATH).all("input[name=shown]")
    member.post(PATH, all="1")
    assert len(member.page(PATH).all("input[name=shown][checked]")) == len(NAMES)


def test_a_hidden_link_keeps_its_page(member: Browser) -> None:
    member.post(PATH, shown="Search")

    page = member.page("/lorebooks")

    assert [tab.text() for tab in page.all("nav.tabs a")] == ["Characters", "Personas", "Lorebooks", "Variables"]
    assert page.status_code == member.page("/plans").status_code == 200


def test_who_is_signed_out_is_sent_to_sign_in(visitor: Browser) -> None:
    assert visitor.get(PATH).location == f"/login?next={PATH}"
    assert visitor.post(PATH, shown="Search").location == "/login"


def test_the_account_menu_has_what_one_may_open(member: Browser, owner: Browser) -> None:
    def menu(browser: Browser) -> list[str | None]:
        return [node.attributes["href"] for node in browser.page("/").all("#account-menu a")]

    assert menu(member) == ["/account", "/settings", "/help"]
    assert menu(owner) == ["/account", "/settings", "/admin", "/help"]
    assert member.page("/").all("#account-menu form[action='/logout']")
