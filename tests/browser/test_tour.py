"""Parts of the documentation's tour that no other browser test covers."""

import pytest
from playwright.sync_api import expect

from tests.browser.chats import ChatPage, press
from tests.browser.conftest import Visit
from tests.support.server import Server
from tests.upstream.handle import Upstream


@pytest.mark.deep
def test_what_was_sent_has_both_questions(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("A tour guide.")
    chat = visit(server).begin("Who are you on this tour?")
    chat.expect("completed")
    upstream.says("Nothing.")
    chat.ask("And what does the tour cost?")
    chat.expect("completed")
    link = chat.answer.locator("a.sent-link")
    chat.page.goto(str(link.get_attribute("href")))
    titles = chat.page.locator("details.part")
    expect(titles).to_have_count(3)
    for text in ("Who are you on this tour?", "A tour guide.", "And what does the tour cost?"):
        expect(chat.page.locator("details.part pre", has_text=text)).to_have_count(1)


@pytest.mark.deep
def test_a_fourth_chat_at_once_is_refused_and_keeps_what_was_typed(own_server: Server, upstream: Upstream, visit: Visit) -> None:
    own_server.set(limits__concurrent_streams="3")
    own_server.start()
    upstream.counts(40, pace=0.01, holds=[20])
    person = visit(own_server)
    chats = [person.begin(f"Count, number {number}") for number in range(3)]
    for chat in chats:
        chat.expect("responding")
    fourth = ChatPage(person.open("/"))
    fourth.box.fill("One too many")
    fourth.send.click()
    expect(fourth.page.get_by_text("You already have 3 answers in progress.").first).to_be_visible()
    expect(fourth.box).to_have_value("One too many")
    for chat in chats:
        chat.wait_for("w000020")
        chat.stop.click()
        chat.expect("stopped")


@pytest.mark.deep
def test_a_wrong_key_says_what_to_do(own_server: Server, upstream: Upstream, visit: Visit) -> None:
    own_server.start()
    upstream.always({"status": 401, "json": {"error": {"message": "No auth credentials found", "code": 401}}}, at="/key")
    upstream.always({"status": 401, "json": {"error": {"message": "No auth credentials found", "code": 401}}}, at="/models")
    page = visit(own_server).open("/admin/connections/openrouter")
    press(page, page.get_by_role("button", name="Test key"))
    expect(page.locator(".test__words")).to_contain_text(f"{upstream.host} rejected the key that ends in cdef")
    # The new key can be entered on the same page.
    expect(page.get_by_label("New key")).to_be_editable()
