"""Everything works without JavaScript."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.chats import answers_asked, load, until
from tests.browser.conftest import Visit
from tests.support.server import Server
from tests.upstream.handle import Upstream


def test_the_page_refreshes_itself_until_the_answer_is_there(server: Server, upstream: Upstream, visit: Visit) -> None:
    question = "Count until I say so"
    upstream.beside(question, {"counted": 4_000, "pace": 0.03})
    chat = visit(server, java_script_enabled=False).begin_by_hand(question)
    expect(chat.stop).to_be_visible()
    expect(chat.box).to_be_hidden()
    expect(chat.page.locator("#composer-controls")).to_contain_text("refreshes automatically")
    before = len(chat.seen())
    until(chat.page, lambda: len(chat.seen()) > before)
    later = len(chat.seen())
    until(chat.page, lambda: len(chat.seen()) > later)
    upstream.beside(question, over=True)
    chat.expect("completed")
    expect(chat.box).to_be_visible()
    expect(chat.stop).to_have_count(0)
    assert chat.seen().split() == chat.raw().split()
    expect(chat.page.locator("noscript")).to_have_count(0)


def test_the_next_message_is_sent_by_the_form(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("One.")
    chat = visit(server, java_script_enabled=False).begin("first")
    chat.expect("completed")
    upstream.says("Two.")
    chat.box.fill("second\nline")
    assert load(chat.page, chat.send).ok
    chat.expect("completed")
    expect(chat.text).to_have_text("Two.")
    expect(chat.page.locator("article")).to_have_count(4)
    assert answers_asked(upstream.log())[-1]["body"]["messages"][-1]["content"] == "second\nline"


def test_continue_and_try_again_are_forms_too(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.behaves([{"counted": 40, "cut_after": 20, "cut": "rst"}, {"counted": 40}, {"says": "Another version."}])
    chat = visit(server, java_script_enabled=False).begin("Count")
    chat.expect("interrupted")
    expect(chat.answer.locator(".notice")).to_be_visible()
    assert load(chat.page, chat.go_on).ok
    chat.expect("completed")
    assert chat.raw().split()[-1] == "w000040"
    assert load(chat.page, chat.again).ok
    chat.expect("completed")
    expect(chat.text).to_have_text("Another version.")


def test_a_refused_message_comes_back_in_the_page(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("Fine.")
    chat = visit(server, java_script_enabled=False).begin("short")
    chat.expect("completed")
    chat.box.fill("a" * 200_001)
    assert load(chat.page, chat.send).status == 422
    expect(chat.page.get_by_role("alert")).to_contain_text("too long")
    assert len(chat.box.input_value()) == 200_001


@pytest.mark.mostly_deep
@pytest.mark.parametrize("width", [390, 1100])
def test_the_sidebar_is_reached(server: Server, upstream: Upstream, visit: Visit, width: int) -> None:
    upstream.says("Fine.")
    chat = visit(server, java_script_enabled=False, viewport={"width": width, "height": 800}).begin("A chat to be found")
    chat.expect("completed")
    if width == 390:
        chat.page.get_by_role("button", name="Chats").click()
    chat.page.get_by_role("link", name="New chat").first.click()
    expect(chat.page).to_have_url(re.compile("/$"))
