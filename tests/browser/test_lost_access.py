"""A page whose chat is deleted or withdrawn elsewhere, or whose session has ended, reports it and keeps what was typed."""

import re
import time
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from tests.browser.chats import ChatPage, Person, press, sign_in, sign_out, until
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import violations
from tests.support.inserted import add_member
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


@pytest.mark.mostly_deep
def test_a_chat_that_was_deleted_elsewhere(server: Server, upstream: Upstream, visit_anywhere: Visit) -> None:
    person = visit_anywhere(server)
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


@pytest.mark.mostly_deep
def test_a_chat_that_is_restored_elsewhere_is_back(server: Server, upstream: Upstream, visit_anywhere: Visit) -> None:
    person = visit_anywhere(server)
    upstream.says("Here.")
    chat = person.begin("A chat that comes back")
    chat.expect("completed")
    until(chat.page, chat.is_connected)
    delete(other := person.look_at(chat))
    expect(chat.status_line).to_contain_text(GONE)
    expect(chat.page.locator("article")).to_have_count(0)
    press(other.page, other.page.get_by_role("button", name="Undo"))
    chat.wait_for("Here.")
    expect(chat.page.locator("article")).to_have_count(2)
    expect(chat.status_line).not_to_contain_text(GONE)
    expect(chat.box).to_be_editable()


def signed_in(server: Server, visit_anywhere: Visit) -> Person:
    """Signs in with a new session, on a server that has an owner."""
    visit_anywhere(server)
    person = visit_anywhere(server, is_signed_in=False)
    page = person.open("/login")
    sign_in(page)
    page.wait_for_url(f"{person.home}/")
    # For what is posted without a page, by the server's own address.
    person.context.add_cookies([{**cookie, "domain": "127.0.0.1"} for cookie in person.context.cookies()])  # type: ignore[list-item]
    page.close()
    return person


@pytest.mark.mostly_deep
def test_signed_out_elsewhere(server: Server, upstream: Upstream, visit_anywhere: Visit) -> None:
    person = signed_in(server, visit_anywhere)
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


@pytest.mark.mostly_deep
def test_a_list_closes_when_its_session_has_ended(server: Server, visit_anywhere: Visit) -> None:
    person = signed_in(server, visit_anywhere)
    listed = person.open("/chats")
    listed.wait_for_function("() => document.getElementById('sidebar-chats')._htmx?.sse?.reader")
    sign_out(person.open("/"))
    expect(listed).to_have_url(f"{person.home}/login?next=/chats")


@pytest.mark.mostly_deep
def test_the_first_page_says_so_when_one_sends(server: Server, visit_anywhere: Visit) -> None:
    person = signed_in(server, visit_anywhere)
    home = person.open("/")
    box = home.locator("#composer-text")
    box.fill("half a thought")
    sign_out(person.open("/"))
    box.press("Enter")
    expect(home.locator("#toasts").get_by_role("link", name="Sign in")).to_be_visible()
    expect(box).to_have_value("half a thought")


def test_what_was_shared_goes_from_every_open_page(server: Server, upstream: Upstream, visit: Visit) -> None:
    email = f"{uuid4()}@example.org"
    add_member(server, email)
    [(ada_id,)] = server.rows("SELECT id FROM users WHERE email = ?", email)
    # Its project stays unfolded in their sidebar.
    person, ada = visit(server, is_new=True), visit(server, is_signed_in=False, is_far=True)
    upstream.says("The canary sings at noon.")
    chat = person.begin("When does the canary sing?")
    chat.expect("completed")
    path = chat.path

    def send(place: str, **fields: str) -> str:
        sent = person.context.request.post(place, form=fields, headers={"Origin": server.url}, max_redirects=0)
        assert sent.status == 303, sent.text()
        return str(sent.headers["location"])

    send(f"{path}/rename", title="The canary")
    project = send("/projects", name="Canaries")
    send(f"{project}/people", whom=f"user:{ada_id}", right="write")
    send(f"{path}/project", project=project.rpartition("/")[2])
    send(f"{path}/people/project", share="1")

    sign_in(page := ada.open("/login"), email=email)
    page.wait_for_url(f"{ada.home}/")
    page.goto(f"{ada.home}/projects")
    hers, about, listed = ChatPage(ada.open(path)), ada.open(project), page
    expect(hers.page.locator("#thread")).to_contain_text("The canary sings at noon.")
    expect(listed.locator("#projects")).to_contain_text("Canaries")
    hers.box.fill("my own words")

    page = person.open(f"{project}/people")
    began = time.monotonic()
    press(page, page.get_by_role("button", name="Remove").first)
    expect(hers.status_line).to_contain_text(GONE)
    print(f"gone after {time.monotonic() - began:.2f} s")
    is_of_no_use(hers, "my own words")
    expect(about.get_by_role("heading", level=1)).to_have_text("Not found")
    expect(listed.locator("#projects")).not_to_contain_text("Canaries")
    for open_page in (hers.page, about, listed):
        expect(open_page.locator("html")).not_to_contain_text(re.compile("canar", re.IGNORECASE))
        assert "canar" not in open_page.title().lower()
    assert violations(hers.page, [(1100, "light"), (390, "dark")]) == []
    # Neither is it there when one goes back to it.
    hers.page.goto(f"{ada.home}/help")
    hers.page.go_back()
    expect(hers.page.get_by_role("heading", level=1)).to_have_text("Not found")


@pytest.mark.mostly_deep
def test_the_same_is_said_when_one_sends_there(server: Server, upstream: Upstream, visit_anywhere: Visit) -> None:
    person = visit_anywhere(server)
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
