"""What the page shows between Send and the answer, however slow the connection is, and when sending fails."""

import pytest
from playwright.sync_api import APIResponse, Page, Route, expect

from tests.browser.chats import ChatPage, held, until
from tests.browser.conftest import Visit
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
SWAPPED = """() => { window.swapped = new Promise(done => document.addEventListener(
  'htmx:after:swap', ({target}) => { if (target.id === 'composer') done(); },
)); }"""


def test_a_message_on_its_way_is_seen_at_once(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("Ready.")
    page = visit(server).open("/")
    chat, sending = ChatPage(page), page.locator("#sending")
    waiting = held(page, "**/chats")
    chat.box.fill("By the\nriver")
    chat.box.press("Enter")
    expect(sending).to_contain_text("By the\nriver")
    expect(sending).to_contain_text("Sending…")
    until(page, lambda: waiting)
    waiting[0].continue_()
    page.wait_for_url("**/chats/*")
    chat.expect("completed")
    waiting = held(page, "**/messages")
    chat.box.fill("And now?")
    chat.send.click()
    expect(sending).to_contain_text("And now?")
    expect(chat.box).to_be_empty()
    # It begins with the very words that are on their way.
    chat.box.type("And now? Meanwhile")
    until(page, lambda: waiting)
    waiting[0].continue_()
    expect(page.locator("article")).to_have_count(4)
    expect(sending).to_be_hidden()
    expect(chat.box).to_have_value("And now? Meanwhile")


def test_what_was_typed_meanwhile_stands_below_what_comes_back(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("Ready.")
    chat = visit(server).begin("Hello")
    chat.expect("completed")
    waiting = held(chat.page, "**/messages")
    chat.box.fill("And now?")
    chat.send.click()
    expect(chat.box).to_be_empty()
    chat.box.type("And now? Meanwhile")
    until(chat.page, lambda: waiting)
    waiting[0].fulfill(status=502, body="Bad gateway")
    expect(chat.box).to_have_value("And now?\nAnd now? Meanwhile")


def test_an_answer_that_ends_before_its_message_is_confirmed_leaves_nothing_to_stop(
    server: Server, upstream: Upstream, visit: Visit
) -> None:
    upstream.says("Ready.")
    chat = visit(server).begin("Hello")
    chat.expect("completed")
    page, late = chat.page, list[tuple[Route, APIResponse]]()
    page.route("**/messages", lambda route: late.append((route, route.fetch())))
    page.evaluate(SWAPPED)
    chat.box.fill("And again")
    chat.send.click()
    expect(page.locator("article")).to_have_count(4)
    chat.expect("completed")
    until(page, lambda: late)
    (route, response) = late.pop()
    route.fulfill(response=response)
    page.evaluate("swapped")
    expect(chat.send).to_be_visible()
    expect(chat.stop).to_have_count(0)


@pytest.mark.mostly_deep
@pytest.mark.parametrize("fault", ["offline", "broken"])
def test_what_was_not_sent_is_in_the_box_again(server: Server, upstream: Upstream, visit: Visit, fault: str) -> None:
    upstream.says("Ready.")
    person = visit(server)
    chat = person.begin("Hello")
    chat.expect("completed")
    for page in (chat.page, person.open("/")):
        if fault == "offline":
            person.context.set_offline(True)
        else:
            page.route("**/*", lambda route: route.fulfill(status=502, body="Bad gateway"))
        comes_back(page, "keep me")
        person.context.set_offline(False)


def test_what_was_refused_is_in_the_box_again_with_the_reason(own_server: Server, upstream: Upstream, visit: Visit) -> None:
    own_server.set(limits__message_chars="20")
    own_server.start()
    upstream.says("Ready.")
    person = visit(own_server)
    chat = person.begin("Hello")
    chat.expect("completed")
    for page in (chat.page, person.open("/")):
        comes_back(page, "keep all of these words")
        expect(page.locator("#composer-error")).to_contain_text("20")
        page.get_by_role("textbox", name="Message").fill("These.")
        page.get_by_role("button", name="Send").click()
        expect(page.locator("article").get_by_text("These.")).to_be_visible()


def comes_back(page: Page, text: str) -> None:
    box = page.get_by_role("textbox", name="Message")
    box.fill(text)
    box.press("Enter")
    expect(page.locator("#toasts .toast, #composer-error").first).to_be_visible()
    expect(page.locator("#sending")).to_be_hidden()
    expect(box).to_have_value(text)
