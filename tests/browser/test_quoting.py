"""Selected text of a message is quoted in the next one: by a button, by a key, with a thumb."""

import pytest
from playwright.sync_api import Route, expect

from tests.browser.chats import ChatPage, until
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import LOOK, RULES
from tests.browser.ways import PHONE
from tests.support.server import ROOT, Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
# The end is where a triple click puts it: before what follows the paragraph.
SELECT = """([first, last]) => {
  const blocks = [...document.querySelectorAll('article[data-role=assistant]:last-of-type .message-text p')];
  getSelection().setBaseAndExtent(blocks[first].firstChild, 0, blocks[last].firstChild, blocks[last].firstChild.length);
}"""
SELECT_BEYOND = """() => {
  const text = [...document.querySelectorAll('article[data-role=assistant] .message-text')].at(-1);
  getSelection().setBaseAndExtent(text.querySelector('p:last-of-type').firstChild, 0, document.querySelector('#composer-box'), 0);
}"""


def answered(server: Server, upstream: Upstream, visit: Visit, **way: object) -> ChatPage:
    upstream.says("The wheel turns slowly.\n\nThe race is long.")
    chat = visit(server, **way).begin("How does it work?")
    chat.expect("completed")
    chat.page.wait_for_load_state()
    return chat


def test_selected_text_is_quoted_in_the_next_message(server: Server, upstream: Upstream, visit: Visit) -> None:
    chat = answered(server, upstream, visit)
    page, button = chat.page, chat.page.get_by_role("button", name="Quote")
    expect(button).to_be_hidden()
    page.evaluate(SELECT, [0, 1])
    expect(button).to_be_visible()
    place, text = button.bounding_box(), chat.text.bounding_box()
    assert place
    assert text
    assert place["y"] + place["height"] <= text["y"] + 4
    page.evaluate((ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8"))
    assert page.evaluate(LOOK, RULES) == []
    button.click()
    expect(chat.box).to_have_value("> The wheel turns slowly.\n> \n> The race is long.\n\n")
    expect(chat.box).to_be_focused()
    expect(button).to_be_hidden()

    # A second one goes below what is typed, by key and without what follows the message.
    page.keyboard.type("Why?")
    page.locator("#main").focus()
    page.evaluate(SELECT_BEYOND)
    expect(button).to_be_visible()
    page.keyboard.press(">")
    expect(chat.box).to_have_value("> The wheel turns slowly.\n> \n> The race is long.\n\nWhy?\n\n> The race is long.\n\n")
    # What is selected elsewhere, or typed, is left alone.
    page.keyboard.press(">")
    expect(chat.box).to_have_value("> The wheel turns slowly.\n> \n> The race is long.\n\nWhy?\n\n> The race is long.\n\n>")
    page.evaluate("getSelection().selectAllChildren(document.querySelector('#chat-title'))")
    page.wait_for_timeout(300)
    expect(button).to_be_hidden()


def test_a_thumb_finds_the_button_below_the_selection(server: Server, upstream: Upstream, visit: Visit) -> None:
    chat = answered(server, upstream, visit, **PHONE)
    button = chat.page.get_by_role("button", name="Quote")
    chat.page.evaluate(SELECT, [0, 0])
    expect(button).to_be_visible()
    place, text = button.bounding_box(), chat.text.locator("p").first.bounding_box()
    assert place
    assert text
    assert place["y"] >= text["y"] + text["height"]
    # The browser reckons in 64ths of a pixel.
    assert round(place["height"], 1) >= 44
    button.tap()
    expect(chat.box).to_have_value("> The wheel turns slowly.\n\n")


def test_text_selected_before_the_script_is_there_has_the_button(server: Server, upstream: Upstream, visit: Visit) -> None:
    person, held = visit(server), list[Route]()
    person.context.route("**/js/later*", lambda route: held.append(route))
    upstream.says("The wheel turns slowly.\n\nThe race is long.")
    chat = person.begin("How does it work?")
    chat.expect("completed")
    chat.page.evaluate(SELECT, [0, 0])
    until(chat.page, lambda: held)
    # Longer than the page waits after a selection.
    chat.page.wait_for_timeout(500)
    held[0].continue_()
    expect(chat.page.get_by_role("button", name="Quote")).to_be_visible()
