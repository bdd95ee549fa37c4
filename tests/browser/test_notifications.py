"""A notification announces the end of an answer while the tab is hidden, for users who turned this on."""

import pytest
from playwright.sync_api import expect

from tests.browser.chats import ChatPage, Person
from tests.browser.conftest import Visit
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
# The browser's Notification class, with a record of the permissions requested and notifications shown.
RECORDED = """
window.asked = 0, window.notices = [];
window.Notification = class extends Notification {
  static state = '%s';
  static get permission() { return this.state; }
  static async requestPermission() { asked++; return this.state = 'granted'; }
  constructor(title, options) { super(title, options); notices.push({title, ...options}); window.notice = this; }
};
"""
INSECURE = "Object.defineProperty(self, 'isSecureContext', {get: () => false});"
OFFER = "Notify me when it's done"


@pytest.fixture
def person(server: Server, visit: Visit) -> Person:
    person = visit(server)
    person.context.grant_permissions(["notifications"])
    person.context.clock.install()
    return person


def long_answer(person: Person, upstream: Upstream, question: str) -> ChatPage:
    """A chat whose answer has been running for more than ten seconds, according to the page's clock."""
    upstream.beside(question, {"counted": 4_000, "pace": 0.05})
    chat = person.begin(question)
    chat.expect("responding")
    person.context.clock.fast_forward(12_000)
    return chat


def test_a_long_answer_offers_to_notify_and_its_end_does(person: Person, upstream: Upstream) -> None:
    person.context.add_init_script(RECORDED % "default")
    chat = long_answer(person, upstream, "Tell me at length")
    offer = chat.page.get_by_role("button", name=OFFER)
    expect(offer).to_be_visible()
    assert chat.page.evaluate("asked") == 0
    offer.click()
    expect(chat.page.get_by_role("button", name="Turn off notifications")).to_be_focused()
    assert chat.page.evaluate("asked") == 1
    chat.hide()
    upstream.beside("Tell me at length", over=True)
    chat.page.wait_for_function("() => notices.length")
    [notice] = chat.page.evaluate("notices")
    assert notice["body"] == "The answer is complete."
    assert notice["title"] in chat.page.title()
    chat.page.evaluate("window.focus = () => { window.hasFocus = true; }; notice.onclick()")
    assert chat.page.evaluate("hasFocus")


def test_it_is_offered_once_and_then_in_the_menu(person: Person, upstream: Upstream) -> None:
    person.context.add_init_script(RECORDED % "default")
    chat = long_answer(person, upstream, "One that is ignored")
    expect(chat.page.get_by_role("button", name=OFFER)).to_be_visible()
    upstream.beside("One that is ignored", over=True)
    chat.expect("completed")
    chat.page.wait_for_function("() => localStorage.getItem('notifications') === 'off'")
    next_chat = long_answer(person, upstream, "The next long one")
    next_chat.page.wait_for_function("() => document.querySelector('.state [data-since]').textContent.includes('s')")
    expect(next_chat.page.get_by_role("button", name=OFFER)).to_be_hidden()
    next_chat.page.locator("#chat-menu").get_by_role("button", name="More").click()
    next_chat.page.locator("#chat-rare > summary").click()
    next_chat.page.get_by_role("button", name="Turn on notifications").click()
    expect(next_chat.page.get_by_role("button", name="Turn off notifications").last).to_be_visible()
    upstream.beside("The next long one", over=True)
    next_chat.expect("completed")
    assert next_chat.page.evaluate("[asked, notices.length]") == [1, 0], "who sees the page needs no notification"


@pytest.mark.parametrize(("state", "script"), [("denied", ""), ("default", INSECURE)], ids=["denied", "insecure"])
def test_nothing_is_offered_where_it_is_not_to_be_had(person: Person, upstream: Upstream, state: str, script: str) -> None:
    person.context.add_init_script(RECORDED % state + script)
    question = f"Nothing where it is {state}"
    chat = long_answer(person, upstream, question)
    expect(chat.answer.locator(".state")).to_contain_text(" s")
    chat.page.locator("#chat-menu").get_by_role("button", name="More").click()
    chat.page.locator("#chat-rare > summary").click()
    expect(chat.page.get_by_role("link", name="Rename").first).to_be_visible()
    assert not chat.page.locator(".notify:visible").count()
    upstream.beside(question, over=True)
    chat.expect("completed")
    assert chat.page.evaluate("asked") == 0
