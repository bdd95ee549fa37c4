"""Stop: from any tab, at any moment, with and without scripts, and twice."""

from playwright.sync_api import expect

from tests.browser.chats import ChatPage, answers_asked, press_while_it_refreshes
from tests.browser.conftest import Visit
from tests.support.server import Server
from tests.upstream.handle import Upstream

# So many tokens that the answer does not end by itself within the test.
COUNT = 4_000


def test_the_other_tab_may_stop_it(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.counts(COUNT, pace=0.03)
    person = visit(server)
    chat = person.begin("Count")
    other = person.look_at(chat)
    other.wait_for("w000010")
    other.stop.click()
    for tab in (chat, other):
        tab.expect("stopped")
        expect(tab.answer.locator(".receipt")).to_contain_text("Stopped after")
        expect(tab.send).to_be_visible()
        expect(tab.go_on).to_be_visible()
        expect(tab.again).to_be_visible()
    assert chat.html() == other.html()
    assert upstream.until(lambda log: answers_asked(log)[-1]["client_closed"])


def test_continue_goes_on_exactly_there(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.counts(60, pace=0.03, holds=[20])
    chat = visit(server).begin("Count")
    chat.wait_for("w000010")
    chat.stop.click()
    chat.expect("stopped")
    upstream.counts(60)
    chat.go_on.click()
    chat.expect("completed")
    assert chat.raw().split() == [f"w{number:06d}" for number in range(1, 61)]
    expect(chat.text.locator(".seam")).to_contain_text("stopped here")
    expect(chat.page.locator("article")).to_have_count(2)


def test_before_the_first_word(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("Never said.", holds=[0])
    chat = visit(server).begin("Take your time")
    chat.expect("thinking")
    chat.stop.click()
    chat.expect("stopped")
    assert chat.seen().strip() == ""
    assert upstream.until(lambda log: answers_asked(log)[-1]["client_closed"])
    upstream.says("Said at last.")
    chat.go_on.click()
    chat.wait_for("Said at last.")
    expect(chat.text.locator(".seam")).to_have_count(0)


def test_twice_in_one_moment_and_once_more_when_all_is_over(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.counts(COUNT, pace=0.03)
    person, plain = visit(server), visit(server, java_script_enabled=False)
    chat = person.begin("Count")
    other = person.look_at(chat)
    # The page would reload every two seconds. After a 204 a browser stays on the page; a failed request would show an error
    # page.
    plain.context.route("**/*at=*", lambda route: route.fulfill(status=204))
    old = ChatPage(plain.open(chat.page.url))
    chat.wait_for("w000010")
    chat.stop.click(no_wait_after=True)
    other.page.keyboard.press("Escape")
    for tab in (chat, other):
        tab.expect("stopped")
        expect(tab.page.locator(".toast")).to_have_count(0)
    # The page without scripts still shows the button; pressing it now must do no harm.
    with old.page.expect_response(lambda response: response.request.method == "POST") as pressed:
        old.stop.click()
    assert pressed.value.status < 400
    expect(old.answer).to_have_attribute("data-status", "stopped")


def test_by_a_form_without_scripts(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.counts(COUNT, pace=0.03)
    chat = visit(server, java_script_enabled=False).begin("Count")
    chat.wait_for("w000010")
    press_while_it_refreshes(chat.stop)
    chat.expect("stopped")
    expect(chat.box).to_be_visible()
    said = len(chat.raw())
    assert 0 < said < COUNT * 8
    assert upstream.until(lambda log: answers_asked(log)[-1]["client_closed"])
