"""Pages in a dialog over the page that leads to them: sharing, moving, tags; without scripts they are pages."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chats import ChatPage, press
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import violations
from tests.browser.ways import NO_SCRIPTS, PHONE
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow


@pytest.fixture
def chat(server: Server, visit: Visit, upstream: Upstream) -> ChatPage:
    upstream.says("Over the weir.")
    chat = visit(server, is_new=True).begin("Where does it flow?")
    chat.expect("completed")
    return chat


def opened(page: Page, name: str) -> None:
    page.locator("#chat-menu").get_by_role("button", name="More").click()
    if name == "Tags":
        page.locator("#chat-rare > summary").press("Enter")
    page.locator("#chat-menu-list").get_by_role("link", name=name).press("Enter")


def test_a_page_opens_over_the_chat_and_escape_goes_back_to_its_menu(chat: ChatPage) -> None:
    page, sheet = chat.page, chat.page.get_by_role("dialog", name="Tags")
    opened(page, "Tags")
    expect(sheet.get_by_label("New tags")).to_be_focused()
    assert violations(page) == []
    sheet.get_by_label("New tags").fill("river")
    sheet.get_by_role("button", name="Save").click()
    expect(sheet.get_by_role("checkbox", name="river")).to_be_checked()
    expect(page).to_have_url(re.compile(f"{chat.path}(#end)?$"))

    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(page.locator("#chat-menu-open")).to_be_focused()


def test_an_error_is_shown_there_and_what_is_left_alone_leads_away(chat: ChatPage) -> None:
    page, sheet = chat.page, chat.page.get_by_role("dialog")
    opened(page, "Tags")
    sheet.get_by_label("New tags").fill("x" * 300)
    sheet.get_by_role("button", name="Save").click()
    expect(sheet).to_contain_text("A tag has 1 to 40 characters")
    expect(sheet.get_by_label("New tags")).to_be_focused()
    press(page, sheet.get_by_role("link", name="All tags"))
    expect(page).to_have_url(re.compile("/tags$"))
    expect(sheet).to_be_hidden()


def test_a_chat_moves_from_the_dialog(server: Server, chat: ChatPage) -> None:
    page, sheet = chat.page, chat.page.get_by_role("dialog")
    made = page.request.post("/projects", form={"name": "Locks"}, headers={"Origin": server.url}, max_redirects=0)
    assert made.status == 303
    opened(page, "Move to project")
    sheet.get_by_role("button", name="Locks").click()
    expect(page.locator("#chat-project")).to_contain_text("Locks")
    expect(sheet).to_be_hidden()


@pytest.mark.parametrize("way", [PHONE, NO_SCRIPTS], ids=["phone", "no scripts"])
def test_it_is_a_page_without_scripts_and_fits_a_phone(
    server: Server, upstream: Upstream, visit: Visit, way: dict[str, Any]
) -> None:
    upstream.says("Over the weir.")
    chat = visit(server, **way).begin("Where?")
    # Without scripts the page refreshes until then, which would close the menu.
    chat.expect("completed")
    page = chat.page
    page.locator("#chat-menu").get_by_role("button", name="More").click()
    page.locator("#chat-menu-list").get_by_role("link", name="Share").click()
    expect(page.get_by_role("heading", name="Share this chat")).to_be_visible()
    if way is NO_SCRIPTS:
        expect(page).to_have_url(re.compile("/people$"))
    else:
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["viewport"]["width"]
        page.get_by_role("dialog").get_by_role("button", name="Close").tap()
        expect(page.get_by_role("dialog")).to_be_hidden()
