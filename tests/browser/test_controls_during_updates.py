"""A control that is pressed, opened or typed in stays the same element while the chat's updates arrive."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Visit
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
SECOND_CLICK = "button => button.dispatchEvent(new MouseEvent('click', {detail: 2, bubbles: true, cancelable: true}))"


def press_half(page: Page, control: Locator) -> None:
    """Presses the mouse button without releasing it."""
    control.hover()
    page.mouse.down()


def keep(control: Locator, name: str) -> None:
    control.evaluate("(element, name) => { window[name] = element; }", name)


def test_what_is_under_the_hand_stays_there(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("Ready.")
    person = visit(server)
    chat = person.begin("Are you ready?")
    chat.expect("completed")
    page, other = chat.page, person.look_at(chat)
    chat.box.fill("Not sent yet")

    # The chat is pinned in another tab between mouse down and mouse up.
    press_half(page, page.get_by_role("button", name="Chat settings"))
    other.page.locator("#chat-menu").get_by_role("button", name="More").click()
    other.page.get_by_role("button", name="Pin", exact=True).click()
    expect(page.locator("#chat-unpin")).to_be_attached()
    page.mouse.up()
    expect(page.get_by_role("slider")).to_be_visible()
    page.keyboard.press("Escape")
    expect(other.page.locator("#chat-menu-list")).to_be_hidden()

    # An opened element stays open, and keeps the focus.
    chat.answer.locator(".receipt summary").click()
    page.locator("#chat-menu").get_by_role("button", name="More").click()
    page.locator("#chat-menu-list").get_by_role("link", name="Rename").focus()
    other.page.locator("#chat-menu").get_by_role("button", name="More").click()
    other.page.get_by_role("button", name="Unpin", exact=True).click()
    expect(page.locator("#chat-pin")).to_be_visible()
    expect(page.locator("#chat-menu-list").get_by_role("link", name="Rename")).to_be_focused()
    page.keyboard.press("Escape")

    # Send and Stop are always separate elements, and the text box stays the same from message to message.
    upstream.counts(400, pace=0.02, holds=[50])
    keep(chat.box, "box")
    keep(chat.send, "button")
    chat.send.click()
    expect(chat.stop).to_be_visible()
    assert page.evaluate("!button.isConnected && box.isConnected && box.value === ''")
    chat.wait_for("w000010")
    keep(chat.stop, "button")
    chat.stop.focus()
    expect(other.stop).to_be_visible()
    for words in ("And then?", "And at last?"):
        other.box.fill(words)
        other.box.press("Enter")
        # The composer accepts no other message until the response to this one has arrived.
        expect(other.box).to_have_value("")
        expect(page.locator(".next__row").filter(has_text=words)).to_be_visible()
    expect(chat.stop).to_be_focused()
    first = page.locator(".next__row").first
    first.locator("summary").click()
    first.get_by_label("Queued message", exact=True).fill("And then, quickly?")
    other.page.locator(".next__row").last.get_by_role("button", name="Remove").click()
    expect(page.locator(".next__row")).to_have_count(1)
    expect(first.get_by_label("Queued message", exact=True)).to_have_value("And then, quickly?")
    expect(first.get_by_label("Queued message", exact=True)).to_be_focused()
    assert page.evaluate("button.isConnected && box.isConnected")
    expect(page.locator(".receipt[open]")).to_have_count(1)
    # The second click of a double click on Send hits Stop, and must be ignored.
    assert chat.stop.evaluate(SECOND_CLICK) is False
    chat.stop.click()
    chat.expect("stopped")
    expect(page.locator("#composer-send")).to_be_visible()
