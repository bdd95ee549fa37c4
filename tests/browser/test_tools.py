"""Answers that call tools: what people see of it, and decide, with scripts and without, in every tab."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.chats import ChatPage, Person, load
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import HEAR, overflows, violations
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
DESK = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
QUESTION = {"tool": "ask_person", "arguments": {"question": "Which?", "choices": ["Red", "Blue"]}}
FREE = {"tool": "ask_person", "arguments": {"question": "Why?"}}
SEARCH = {"tool": "search_documents", "arguments": {"query": "weirs"}}


def resting(control: Locator) -> Locator:
    """Waits until a control rests: the list moves with its button while the page is still being completed."""
    place, before = control.bounding_box(), None
    while place != before:
        control.page.wait_for_timeout(150)
        place, before = control.bounding_box(), place
    return control


def begun(person: Person, *tools: str) -> ChatPage:
    """Begins a chat with these tools, chosen beside the composer."""
    page = person.open("/")
    page.get_by_role("button", name="Tools").click()
    for tool in tools:
        resting(page.get_by_role("checkbox", name=tool)).check()
    page.keyboard.press("Escape")
    if page.get_by_role("dialog", name="Tools for this chat").is_visible():
        page.locator("h1").click()
    chat = ChatPage(page)
    chat.box.fill("Go")
    chat.send.click()
    page.wait_for_url("**/chats/*")
    return chat


def card(page: Page, question: str = "Which?"):  # type: ignore[no-untyped-def]
    return page.get_by_role("region", name=question)


@pytest.mark.parametrize("look", [DESK, PHONE], ids=["desk", "phone"])
def test_a_question_is_answered_by_a_choice(server: Server, upstream: Upstream, visit: Visit, look: dict[str, object]) -> None:
    upstream.always({"rounds": [{"says": "Hm.", "calls": [SEARCH, QUESTION]}, {"says": "Blue it is."}]})
    chat = begun(visit(server, **look), "Ask a question", "Search documents")
    page = chat.page
    expect(card(page)).to_be_visible()
    chat.expect("waiting")
    expect(chat.answer.locator(".state")).to_contain_text("Waiting for you")
    assert violations(page) == []
    assert overflows(page) == []
    page.set_viewport_size(look["viewport"])  # type: ignore[arg-type]
    card(page).get_by_role("button", name="Blue").click()
    chat.expect("completed")
    expect(card(page)).to_have_count(0)
    chat.answer.locator(".calls summary").click()
    expect(chat.answer.locator(".call")).to_have_count(2)
    chat.answer.get_by_role("link", name="Asked you").click()
    expect(page.get_by_role("dialog", name="Ask a question")).to_contain_text("Answered")
    assert violations(page) == []


def test_what_is_typed_stays_and_every_tab_hears_of_the_decision(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.always({"rounds": [{"says": "Hm.", "calls": [FREE, SEARCH]}, {"says": "Because."}]})
    chat = begun(visit(server, **DESK), "Ask a question", "Search documents")
    page = chat.page
    page.locator("#announcer").evaluate(HEAR)
    answer = card(page, "Why?").get_by_role("textbox")
    answer.fill("Half a")
    chat.expect("waiting")
    expect(page.locator("#announcer")).to_have_text("Waiting for your decision.")
    assert answer.input_value() == "Half a"
    second = ChatPage(page.context.new_page())
    second.page.goto(page.url)
    second.expect("waiting")
    # By keys alone.
    answer.focus()
    page.keyboard.type(" reason")
    page.keyboard.press("Enter")
    for tab in (chat, second):
        tab.expect("completed")
        expect(card(tab.page, "Why?")).to_have_count(0)
    assert page.evaluate("heard.filter(words => words.startsWith('Waiting')).length") == 1
    second.answer.locator(".calls summary").click()
    expect(second.answer.locator(".call__reply")).to_have_text("Half a reason")


def test_it_is_the_same_card_without_scripts_and_after_a_restart(own_server: Server, upstream: Upstream, visit: Visit) -> None:
    own_server.lift_limits()
    own_server.start()
    upstream.always({"rounds": [{"says": "Hm.", "calls": [QUESTION]}, {"says": "As you like."}]})
    person = visit(own_server, java_script_enabled=False)
    chat = begun(person, "Ask a question")
    expect(card(chat.page)).to_be_visible()
    own_server.kill()
    own_server.start()
    chat.page.goto(chat.page.url)
    chat.expect("waiting")
    expect(chat.stop).to_be_visible()
    expect(chat.page.locator("noscript")).to_have_count(0)
    card(chat.page).get_by_role("textbox").fill("Green")
    assert load(chat.page, card(chat.page).get_by_role("button", name="Answer", exact=True)).ok
    chat.expect("completed")
    expect(chat.answer.locator(".call__reply")).to_have_text("Green")


def test_the_tools_of_a_chat_are_switched_beside_it(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("Yes.")
    chat = visit(server, **DESK).begin("Hello")
    chat.expect("completed")
    page, button = chat.page, chat.page.locator("#composer-tools")
    button.click()
    panel = page.get_by_role("dialog", name="Tools")
    expect(panel).to_contain_text("No web search is set up.")
    panel.get_by_role("checkbox", name="Ask a question").check()
    expect(panel.get_by_role("status")).to_have_text("Saved")
    expect(button).to_contain_text("1")
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    upstream.always({"rounds": [{"says": "Hm.", "calls": [QUESTION]}, {"says": "Red."}]})
    chat.ask("Then ask me")
    card(page).get_by_role("button", name="Go on without an answer").click()
    chat.expect("completed")
