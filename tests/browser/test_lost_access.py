"""A page whose chat is deleted or withdrawn elsewhere, or whose session has ended, reports it and keeps what was typed."""

import pytest
from playwright.sync_api import expect

from tests.browser.chats import ChatPage, Person, press, sign_in, sign_out, until
from tests.browser.conftest import Visit
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
GONE = "This chat was deleted or is no longer shared with you."
SIGNED_OUT = "You've been signed out."


def delete(page: ChatPage) -> None:
    page.page.locator("#chat-menu").get_by_role("button", name="More").click()
    press(page.page, page.page.get_by_role("button", name="Delete chat"))


def is_of_no_use(chat: ChatPage, typed: str) -> None:
    """Asserts that the composer keeps what was typed, and accepts no more."""
    expect(chat.box).to_have_value(typed)
    expect(chat.box).not_to_be_editable()
    expect(chat.send).to_have_count(0)


def test_a_chat_that_was_deleted_elsewhere(server: Server, upstream: Upstream, visit: Visit) -> None:
    person = visit(server)
    upstream.says("Here.")
    chat = person.begin("A chat that goes away")
    chat.expect("completed")
    sidebar = chat.page.locator("#sidebar-chats").get_by_role("link", name="A chat that goes away")
    expect(sidebar).to_have_count(1)
    chat.box.fill("half a thought")
    delete(person.look_at(chat))
    expect(chat.status_line).to_contain_text(GONE)
    is_of_no_use(chat, "half a thought")
    expect(sidebar).to_have_count(0)
    press(chat.page, chat.status_line.get_by_role("link"))
    expect(chat.page.get_by_role("heading", level=1)).to_have_text("Chats")


def signed_in(server: Server, visit: Visit) -> Person:
    """Signs in with a new session, on a server that has an owner."""
    visit(server)
    person = visit(server, is_signed_in=False)
    page = person.open("/login")
    sign_in(page)
    page.wait_for_url(f"{server.url}/")
    page.close()
    return person


def test_signed_out_elsewhere(server: Server, upstream: Upstream, visit: Visit) -> None:
    person = signed_in(server, visit)
    upstream.says("Here.")
    chat = person.begin("Who is there")
    chat.expect("completed")
    chat.box.fill("half a thought")
    page = person.open("/")
    sign_out(page)
    expect(chat.status_line).to_contain_text(SIGNED_OUT)
    is_of_no_use(chat, "half a thought")
    press(chat.page, chat.status_line.get_by_role("link", name="Sign in"))
    path = chat.path
    sign_in(chat.page)
    chat.page.wait_for_url("**/chats/*")
    assert path == "/login"
    chat.wait_for("Here.")


def test_the_same_is_said_when_one_sends_there(server: Server, upstream: Upstream, visit: Visit) -> None:
    person = visit(server)
    upstream.says("Here.")
    chat = person.begin("Who is there")
    chat.expect("completed")
    # A hidden page closes its event stream, and receives nothing.
    until(chat.page, chat.is_connected)
    chat.hide()
    until(chat.page, lambda: not chat.is_connected())
    delete(person.look_at(chat))
    chat.box.fill("and now")
    chat.box.press("Enter")
    expect(chat.status_line).to_contain_text(GONE)
    is_of_no_use(chat, "and now")
    expect(chat.page.locator("#toasts .toast")).to_have_count(0)
