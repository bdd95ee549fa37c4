"""Visitors without an account can try the demo."""

import pytest
from playwright.sync_api import expect

from tests.browser.chats import ChatPage, Person
from tests.browser.conftest import Visit
from tests.support.server import Server

QUESTION = "What is Millrace?"


def begun(person: Person) -> ChatPage:
    chat = ChatPage(person.open("/ai-demo"))
    chat.box.fill(QUESTION)
    chat.send.click()
    expect(chat.page.locator("article")).to_have_count(2)
    return chat


def test_a_visitor_sees_an_answer_stream_and_may_ask_on(server: Server, visit: Visit) -> None:
    chat = begun(visit(server, is_signed_in=False))
    expect(chat.page.get_by_role("main")).to_contain_text("This is a demo")
    chat.expect("completed")
    assert {"responding", "completed"} <= set(chat.page.evaluate("statuses"))
    expect(chat.answer.locator(".receipt")).to_contain_text("demo")
    chat.ask("And how do I stop it?")
    chat.stop.click()
    chat.expect("stopped")
    expect(chat.page.get_by_role("link", name="Sign in")).to_be_visible()


@pytest.mark.parametrize("width", [390, 1280])
def test_a_visitor_is_met_in_the_middle_of_the_page(server: Server, visit: Visit, width: int) -> None:
    page = visit(server, is_signed_in=False, viewport={"width": width, "height": 800}).open("/ai-demo")
    boxes = [page.locator(part).bounding_box() for part in ("main h1", "main .lead", "main .composer")]
    for box in boxes:
        assert box
        assert box["x"] >= 8
        assert abs(box["x"] + box["width"] / 2 - width / 2) <= 10


def test_the_chat_is_bound_to_the_browser(server: Server, visit: Visit) -> None:
    person = visit(server, is_signed_in=False)
    chat = begun(person)
    assert ChatPage(person.open("/ai-demo")).page.locator("article").count() == 2
    other = visit(server, is_signed_in=False)
    expect(other.open("/ai-demo").locator("article")).to_have_count(0)
    assert QUESTION not in other.open("/ai-demo").content()
    events = chat.page.locator("#thread").get_attribute("hx-sse:connect") or ""
    assert other.context.request.get(events, max_redirects=0).status != 200
    assert visit(server).context.request.get(events, max_redirects=0).status == 404


def test_without_scripts_too(server: Server, visit: Visit) -> None:
    chat = begun(visit(server, is_signed_in=False, java_script_enabled=False))
    expect(chat.stop).to_be_visible()
    chat.expect("completed")
    expect(chat.box).to_be_visible()


def test_starting_over_forgets_it(server: Server, visit: Visit) -> None:
    chat = begun(visit(server, is_signed_in=False))
    chat.expect("completed")
    chat.page.get_by_role("button", name="Start over").click()
    expect(chat.page.locator("article")).to_have_count(0)
    expect(chat.box).to_be_visible()
