"""Menus and decisions by key: ↓ opens a menu and goes round it, Esc gives the focus back, and F2 leads to what waits."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.test_tools import DESK, QUESTION, begun, card
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.innerText.trim()"))


def test_a_menu_is_gone_through_by_key(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("It turns.")
    person = visit(server)
    chat = person.begin("What does the wheel do?")
    chat.expect("completed")
    page = chat.page
    # Menus have their keys once the page is complete.
    page.wait_for_function("Boolean(millrace.acts.waiting)")
    opener = page.locator("#chat-menu-open")
    opener.focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="Rename", exact=True)).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("button", name="Delete chat")).to_be_focused()
    page.keyboard.press("ArrowDown")
    assert focused(page) == "Rename"
    page.keyboard.press("End")
    assert focused(page) == "Delete chat"
    page.keyboard.press("p")
    assert focused(page) == "Pin"
    page.keyboard.press("Home")
    assert focused(page) == "Rename"
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()
    expect(page.locator("#chat-menu-list")).to_be_hidden()
    # The same of an answer, of a row in the sidebar, and of the account.
    more = page.locator(".message [id$='-open'][popovertarget]").last
    more.focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator(".deeds:popover-open button").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(more).to_be_focused()
    row = page.locator(".chats__more").first
    row.focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#sidebar-menu").get_by_role("button", name="Pin", exact=True)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#sidebar-menu").get_by_role("link", name="Share")).to_be_focused()
    page.keyboard.press("Escape")
    expect(row).to_be_focused()
    page.get_by_role("button", name="account menu").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("s")
    assert focused(page) == "Settings"
    # In its field, letters are text.
    row.focus()
    page.keyboard.press("ArrowDown")
    field = page.locator("#row-title")
    field.fill("")
    page.keyboard.type("ash")
    expect(field).to_have_value("ash")


def test_a_decision_is_one_key_away_from_the_message_box(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.always({"rounds": [{"says": "Hm.", "calls": [QUESTION]}, {"says": "As you like."}]})
    chat = begun(visit(server, **DESK), "Ask a question")
    page, asked = chat.page, card(chat.page)
    expect(asked).to_be_visible()
    page.wait_for_function("Boolean(millrace.acts.waiting)")
    chat.box.focus()
    page.keyboard.press("F2")
    expect(asked.get_by_role("button", name="Red")).to_be_focused()
    key = asked.locator(".ask__title").evaluate("title => getComputedStyle(title, '::after').content")
    assert key.startswith('"F2"')
    page.keyboard.press("F2")
    expect(chat.box).to_be_focused()
    page.keyboard.press("F2")
    page.keyboard.press("Enter")
    chat.expect("completed")
    expect(chat.box).to_be_focused()
