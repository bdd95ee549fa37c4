"""The sidebar: its rows' menus and what it remembers, with the keyboard, by touch and without scripts."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.chats import ChatPage, Person, press, reload
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import violations
from tests.browser.ways import PHONE
from tests.support.server import Server
from tests.upstream.handle import Upstream


def answered(person: Person, upstream: Upstream, question: str, answer: str) -> ChatPage:
    upstream.says(answer)
    chat = person.begin(question)
    chat.expect("completed")
    return chat


def row(page: Page, name: str) -> Locator:
    return page.locator("#sidebar-chats li").filter(has=page.get_by_role("link", name=name, exact=True))


def test_the_menu_of_a_row_renames_and_deletes_with_undo_by_key(server: Server, upstream: Upstream, visit: Visit) -> None:
    person = visit(server)
    answered(person, upstream, "A sluice to be named", "Fine.")
    # A page without an event stream.
    page = person.open("/account")
    row(page, "A sluice to be named").get_by_role("link", name="Options").focus()
    page.keyboard.press("Enter")
    menu = page.locator("#sidebar-menu")
    expect(menu.get_by_role("button", name="Pin")).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(row(page, "A sluice to be named").get_by_role("link", name="Options")).to_be_focused()
    page.keyboard.press("Enter")
    menu.get_by_label("Title").fill("The great sluice")
    page.keyboard.press("Enter")
    expect(row(page, "The great sluice")).to_be_visible()
    expect(menu).to_be_hidden()
    row(page, "The great sluice").hover()
    row(page, "The great sluice").get_by_role("link", name="Options").click()
    expect(menu.get_by_role("button", name="Delete")).to_be_visible()
    assert violations(page, [(1100, "light"), (1100, "dark")]) == []
    menu.get_by_role("button", name="Delete").click()
    expect(row(page, "The great sluice")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(row(page, "The great sluice")).to_be_visible()


def test_on_a_phone_the_menu_is_reached_by_a_finger(server: Server, upstream: Upstream, visit: Visit) -> None:
    answered(visit(server), upstream, "A chat for the thumb", "Fine.")
    page = visit(server, **PHONE).open("/")
    page.get_by_role("button", name="Chats").tap()
    options = row(page, "A chat for the thumb").get_by_role("link", name="Options")
    box = options.bounding_box()
    assert box
    assert round(min(box["width"], box["height"]), 2) >= 44
    options.tap()
    page.locator("#sidebar-menu").get_by_role("button", name="Pin").tap()
    expect(page.locator("#sidebar-chats").get_by_role("heading", name="Pinned")).to_be_visible()
    assert violations(page, [(390, "light")]) == []


def test_without_scripts_the_menu_is_a_page(server: Server, upstream: Upstream, visit: Visit) -> None:
    answered(visit(server), upstream, "A chat by forms", "Fine.")
    page = visit(server, java_script_enabled=False).open("/settings")
    options = row(page, "A chat by forms").get_by_role("link", name="Options")
    options.focus()
    press(page, options)
    press(page, page.get_by_role("main").get_by_role("button", name="Archive"))
    expect(page.get_by_role("main").get_by_text("“A chat by forms” archived.")).to_be_visible()
    press(page, page.get_by_role("main").get_by_role("button", name="Undo"))
    expect(row(page, "A chat by forms")).to_be_visible()


def test_the_row_of_the_open_chat_is_in_sight(server: Server, upstream: Upstream, visit: Visit) -> None:
    person = visit(server)
    chat = answered(person, upstream, "The oldest of many", "Fine.")
    for number in range(12):
        person.post_first(f"Newer {number}")
    chat.page.set_viewport_size({"width": 1100, "height": 480})
    reload(chat.page)
    expect(row(chat.page, "The oldest of many")).to_be_in_viewport(ratio=0.9)


@pytest.mark.mostly_deep
@pytest.mark.parametrize("scripts", [True, False])
def test_the_sidebar_is_hidden_and_stays_so(server: Server, visit: Visit, scripts: bool) -> None:
    page = visit(server, java_script_enabled=scripts).open("/account")
    page.get_by_role("button", name="Hide sidebar").click()
    expect(page.locator("#sidebar")).to_be_hidden()
    page.goto("/chats")
    expect(page.locator("#sidebar")).to_be_hidden()
    if scripts:
        assert violations(page, [(1100, "light")]) == []
        page.keyboard.press("Control+Shift+S")
    else:
        page.get_by_role("button", name="Show sidebar").click()
    expect(page.locator("#sidebar")).to_be_visible()
    expect(page.get_by_role("button", name="Hide sidebar")).to_be_visible()


def test_older_rows_come_at_the_end_of_the_list_and_stay_on_the_next_page(server: Server, visit: Visit) -> None:
    person = visit(server)
    titles = [f"Question {number} with a title that is too long for the sidebar" for number in range(24)]
    for title in titles:
        person.post_first(title)
    page = person.open("/account")
    oldest = row(page, titles[0])
    expect(oldest).to_have_count(0)
    newest = page.locator("#sidebar-chats bdi", has_text="Question 23")
    newest.hover()
    expect(newest).to_have_attribute("title", re.compile("^Question "))
    page.locator(".chats__all").scroll_into_view_if_needed()
    oldest.get_by_role("link").first.click()
    expect(page).to_have_title(f"{titles[0]} · Millrace")
    expect(oldest).to_have_count(1)
    expect(oldest.get_by_role("link").first).to_have_attribute("aria-current", "page")
    expect(oldest).to_be_in_viewport()
