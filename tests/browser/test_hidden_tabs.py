"""Hidden pages, and more pages of one chat than the limit allows."""

from playwright.sync_api import expect

from tests.browser.chats import ChatPage, until
from tests.browser.conftest import Visit
from tests.support.server import Server
from tests.upstream.handle import Upstream


def test_a_hidden_page_keeps_its_stream_while_the_answer_runs(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.counts(120, pace=0.03, holds=[60])
    person = visit(server)
    chat = person.begin("Count")
    chat.expect("responding")
    chat.hide()
    upstream.goes_on()
    chat.wait_for("w000120")
    chat.expect("completed")
    asked = [request for request in person.requests if "/chats/" in request.url and "/events" in request.url]
    assert len(asked) == 1, "it has let go meanwhile"
    expect(chat.page).to_have_title("● Count · Millrace")
    until(chat.page, lambda: not chat.is_connected())
    chat.hide(False)
    until(chat.page, chat.is_connected)
    expect(chat.page).to_have_title("Count · Millrace")
    upstream.says("Still here.")
    chat.ask("And now?")
    chat.wait_for("Still here.")
    chat.expect("completed")


def test_the_title_of_a_hidden_page_says_that_a_call_waits(server: Server, upstream: Upstream, visit: Visit) -> None:
    question = {"tool": "ask_person", "arguments": {"question": "Why?"}}
    upstream.always({"rounds": [{"says": "Hm, let me see.", "holds": [2], "calls": [question]}, {"says": "So."}]})
    chat = visit(server).begin("Why", tools="ask_person")
    chat.expect("responding")
    until(chat.page, chat.is_connected)
    chat.hide()
    upstream.goes_on()
    chat.expect("waiting")
    expect(chat.page).to_have_title("● Why · Millrace")
    chat.hide(False)
    expect(chat.page).to_have_title("Why · Millrace")


def test_a_page_that_was_hidden_learns_what_it_missed(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("One.")
    person = visit(server)
    chat = person.begin("first")
    chat.expect("completed")
    other = person.look_at(chat)
    until(chat.page, other.is_connected)
    chat.hide()
    until(chat.page, lambda: not chat.is_connected())
    upstream.says("Two.")
    other.ask("second")
    other.expect("completed")
    chat.hide(False)
    chat.wait_for("Two.")
    expect(chat.page.locator("article")).to_have_count(4)


def test_one_page_too_many_rests_the_oldest(own_server: Server, upstream: Upstream, visit: Visit) -> None:
    own_server.set(limits__sse_per_chat="2")
    own_server.start()
    upstream.says("One.")
    person = visit(own_server)
    # Pages that share a connection have a higher limit.
    person.context.add_init_script("delete window.SharedWorker")
    oldest = person.begin("first")
    oldest.expect("completed")
    # A page can show the whole answer before it is connected.
    until(oldest.page, oldest.is_connected)
    second = person.look_at(oldest)
    until(oldest.page, second.is_connected)
    third = person.look_at(oldest)
    resume = oldest.page.get_by_role("button", name="Resume here")
    expect(resume).to_be_visible()
    expect(oldest.status_line).to_contain_text("Live updates are paused")
    upstream.says("Two.")
    third.ask("second")
    for chat in (second, third):
        chat.wait_for("Two.")
    assert oldest.page.locator("article").count() == 2
    resume.click()
    expect(oldest.page.locator("article")).to_have_count(4)
    expect(second.page.get_by_role("button", name="Resume here")).to_be_visible()
    upstream.says("Three.")
    ChatPage(oldest.page).ask("third")
    oldest.wait_for("Three.")
    third.wait_for("Three.")


def test_who_is_renaming_a_chat_goes_on_when_its_title_changes_elsewhere(
    server: Server, upstream: Upstream, visit: Visit
) -> None:
    upstream.says("One.")
    person = visit(server)
    chat = person.begin("Mills")
    chat.expect("completed")
    other = person.look_at(chat)
    chat.page.locator("#chat-title a").click()
    chat.page.get_by_label("Title").fill("Water mi")
    other.page.locator("#chat-title a").click()
    other.page.get_by_label("Title").fill("Windmills")
    other.page.get_by_role("button", name="Save").click()
    expect(chat.page).to_have_title("Windmills · Millrace")
    expect(chat.page.get_by_label("Title")).to_be_focused()
    chat.page.keyboard.type("lls")
    chat.page.get_by_role("button", name="Save").click()
    for tab in (chat, other):
        expect(tab.page.locator("#chat-title a")).to_have_text("Water mills")
