"""What opens beside a chat: it leaves the chat alone, has the focus while it is open, and gives it back."""

import pytest
from playwright.sync_api import expect

from tests.browser.chats import ChatPage
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import violations
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
PAGES = "Two pages.\n\n```html\n<p id=said>The first</p>\n```\n\n```html\n<p id=said>The second</p>\n```\n\nSo it is."
DESK, TABLET = {"width": 1280, "height": 800}, {"width": 900, "height": 800}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
FIRST, SECOND = 0, 1


@pytest.fixture
def pages(upstream: Upstream) -> None:
    upstream.says(PAGES)


def begun(server: Server, visit: Visit, **look: object) -> ChatPage:
    chat = visit(server, **look).begin("Show me")
    chat.expect("completed")
    return chat


def said(chat: ChatPage) -> str:
    return chat.page.locator("#panel").frame_locator("iframe").locator("#said").text_content() or ""


@pytest.mark.usefixtures("pages")
def test_it_opens_beside_the_chat_which_goes_on(server: Server, upstream: Upstream, visit: Visit) -> None:
    chat = begun(server, visit, viewport=DESK)
    page, panel, links = chat.page, chat.page.get_by_role("dialog", name="Show me"), chat.answer.locator("a.view")
    address, top = page.url, links.nth(FIRST).bounding_box()
    wide = chat.text.bounding_box()
    links.nth(FIRST).click()
    expect(panel).to_be_visible()
    assert said(chat) == "The first"
    beside, narrow, now = panel.bounding_box(), chat.text.bounding_box(), links.nth(FIRST).bounding_box()
    assert beside
    assert narrow
    assert wide
    assert top
    assert now
    assert narrow["x"] + narrow["width"] <= beside["x"] < wide["x"] + wide["width"]
    assert abs(now["y"] - top["y"]) < 2
    assert page.url == address
    assert violations(page) == []
    # Another one takes its place, and the chat answers beside it.
    links.nth(SECOND).click()
    expect(panel.frame_locator("iframe").locator("#said")).to_have_text("The second")
    upstream.says("Beside it.")
    chat.ask("And now?")
    chat.expect("completed")
    expect(chat.text).to_contain_text("Beside it.")
    expect(chat.text).to_be_in_viewport()
    assert said(chat) == "The second"
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(links.nth(SECOND) if links.count() > 1 else page.locator("a.view").nth(SECOND)).to_be_focused()


@pytest.mark.usefixtures("pages")
def test_escape_closes_it_before_it_stops_an_answer(server: Server, upstream: Upstream, visit: Visit) -> None:
    chat = begun(server, visit, viewport=DESK)
    page = chat.page
    link = page.locator("a.view").first
    upstream.counts(40, pace=0.02, holds=[20])
    chat.ask("Count")
    chat.wait_for("w000005")
    link.click()
    expect(page.locator("#panel")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#panel")).to_be_hidden()
    expect(chat.stop).to_be_visible()
    page.keyboard.press("Escape")
    chat.expect("stopped")


@pytest.mark.usefixtures("pages")
def test_it_and_the_settings_are_never_both_open(server: Server, visit: Visit) -> None:
    chat = begun(server, visit, viewport=DESK)
    page, panel, tuning = chat.page, chat.page.locator("#panel"), chat.page.locator("#tuning")
    chat.answer.locator("a.view").first.click()
    expect(panel).to_be_visible()
    page.locator("#composer-tune").click()
    expect(tuning).to_be_visible()
    expect(panel).to_be_hidden()
    chat.answer.locator("a.view").first.click()
    expect(panel).to_be_visible()
    expect(tuning).to_be_hidden()


@pytest.mark.usefixtures("pages")
def test_on_a_phone_it_is_a_sheet_that_back_closes(server: Server, visit: Visit) -> None:
    chat = begun(server, visit, **PHONE)
    page, panel, link = chat.page, chat.page.locator("#panel"), chat.answer.locator("a.view").first
    address = page.url
    link.tap()
    expect(panel).to_be_visible()
    assert page.evaluate("document.getElementById('panel').matches(':modal')")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert violations(page) == []
    small = "all => all.map(each => each.getBoundingClientRect()).filter(({width, height}) => Math.min(width, height) < 44)"
    assert panel.locator("header :is(a, button)").evaluate_all(small) == []
    page.go_back()
    expect(panel).to_be_hidden()
    assert page.url == address
    expect(link).to_be_focused()
    # Closed by its button, it leaves nothing behind that Back would have to pass.
    link.tap()
    expect(panel).to_be_visible()
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    # The way back in the history takes a moment, and with it the focus.
    page.wait_for_timeout(1_000)
    expect(link).to_be_focused()
    link.tap()
    expect(panel).to_be_visible()
    panel.get_by_role("button", name="Close").tap()
    expect(panel).to_be_hidden()
    expect(link).to_be_focused()
    page.wait_for_timeout(1_000)
    page.go_back()
    page.wait_for_url(lambda url: "/chats/" not in url)


@pytest.mark.usefixtures("pages")
def test_what_cannot_be_shown_in_it_is_opened_as_a_page(server: Server, visit: Visit) -> None:
    chat = begun(server, visit, viewport=TABLET)
    link = chat.answer.locator("a.view").first
    link.click()
    expect(chat.page.locator("#panel")).to_be_visible()
    chat.page.mouse.click(40, 400)
    expect(chat.page.locator("#panel")).to_be_hidden()
    link.evaluate("link => link.href = '/messages/00000000000000000000000000/preview?block=0'")
    link.click()
    expect(chat.page.get_by_role("heading", level=1)).to_have_text("Not found")
