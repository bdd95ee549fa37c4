"""Answers that call tools: what people see of it, and decide, with scripts and without, in every tab."""

import json
from typing import Any

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
FILE = {"tool": "write_file", "arguments": {"name": "weirs.txt", "text": "Otters"}}
SEARCH = {"tool": "search_documents", "arguments": {"query": "weirs"}}


def piece(finish: str | None = None, **call: Any) -> dict[str, str]:
    """Returns a piece of a call as a server sends it."""
    delta = {"tool_calls": [{"index": 0, "type": "function", **call}]} if call else {}
    return {"send": f"data: {json.dumps({'choices': [{'index': 0, 'delta': delta, 'finish_reason': finish}]})}\n\n"}


WRITES = [
    piece(id="one", function={"name": "fly", "arguments": '{"what": "a half'}),
    {"hold": True},
    piece(function={"arguments": ' and more"}'}),
    piece("tool_calls"),
    {"send": "data: [DONE]\n\n"},
]


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
        # By its key: under a click, the list can still move.
        page.get_by_role("switch", name=tool).press("Space")
        expect(page.get_by_role("switch", name=tool)).to_be_checked()
    page.keyboard.press("Escape")
    if page.get_by_role("dialog", name="Tools for this chat").is_visible():
        page.locator("h1").click()
    return first_sent(page)


def searching(person: Person) -> ChatPage:
    """Begins a chat with the web search, by its switch beside the composer."""
    page = person.open("/")
    page.get_by_role("switch", name="Search the web").check(force=True)
    return first_sent(page)


def first_sent(page: Page) -> ChatPage:
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
    upstream.says("Ready.")
    chat = begun(visit(server, **DESK), "Ask a question", "Search documents")
    chat.expect("completed")
    page = chat.page
    # Only what changes on an open page is announced.
    page.locator("#announcer").evaluate(HEAR)
    upstream.always({"rounds": [{"says": "Hm.", "calls": [FREE, SEARCH]}, {"says": "Because."}]})
    chat.ask("Why not?")
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


def test_a_key_brings_to_what_waits(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.always({"rounds": [{"says": "Hm.", "calls": [FILE]}, {"says": "Written."}]})
    person = visit(server, is_new=True, **DESK)
    stricter = {"shown": "write_file", "limit-write_file": "ask"}
    assert person.context.request.post("/settings/tools", form=stricter, headers={"Origin": server.url}).ok
    chat = begun(person, "Write a file")
    page = chat.page
    chat.expect("waiting")
    chat.box.fill("half a thought")
    # The page fetches the card once the answer waits.
    asked = card(page, "Allow “Write a file”?")
    expect(asked).to_be_visible()
    page.keyboard.press("F2")
    expect(asked).to_be_in_viewport()
    expect(chat.box).to_have_value("half a thought")
    page.keyboard.press("ArrowDown")
    expect(asked.get_by_role("button", name="Deny")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(asked.get_by_role("button", name="Allow once")).to_be_focused()
    page.keyboard.press("Enter")
    chat.expect("completed")
    expect(chat.answer).to_contain_text("Written.")
    # Nothing waits any more, so the key is the browser's.
    chat.box.focus()
    page.keyboard.press("F2")
    expect(chat.box).to_be_focused()


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
    assert load(chat.page, card(chat.page).get_by_role("button", name="Send answer", exact=True)).ok
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
    panel.get_by_role("switch", name="Ask a question").check()
    expect(panel.get_by_role("status")).to_have_text("Saved")
    expect(button).to_contain_text("1")
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    upstream.always({"rounds": [{"says": "Hm.", "calls": [QUESTION]}, {"says": "Red."}]})
    chat.ask("Then ask me")
    card(page).get_by_role("button", name="Continue without answering").click()
    chat.expect("completed")


def test_the_web_is_searched_before_an_answer_and_a_call_is_shown_as_it_grows(
    own_server: Server, upstream: Upstream, visit: Visit
) -> None:
    own_server.lift_limits()
    own_server.set(tools__search_kind="searxng", tools__search_address=upstream.base_url)
    own_server.start()
    hits = [{"title": "Otters", "url": "https://example.org/otters", "content": "They swim in rivers."}]
    upstream.always({"json": {"results": hits}}, at="/search")
    upstream.always({"json": {"data": [{"id": "fake/plain", "supported_parameters": ["stop"]}]}}, at="/models")
    upstream.says("In rivers [1].")
    person = visit(own_server, **DESK)
    page = person.open("/admin/models")
    assert page.request.post("/admin/models/refresh", headers={"Origin": own_server.url}).ok
    page.goto("/")
    page.get_by_role("switch", name="Search the web").check(force=True)
    assert violations(page) == []
    chat = ChatPage(page)
    chat.box.fill("Where do otters swim?")
    chat.send.click()
    page.wait_for_url("**/chats/*")
    chat.expect("completed")
    expect(chat.answer.locator(".call")).to_contain_text("Searched the web for “Where do otters swim?”")
    expect(chat.answer.get_by_role("link", name="1").first).to_be_visible()
    switch = page.get_by_role("button", name="Search the web")
    expect(switch).to_have_attribute("aria-pressed", "true")
    # It is switched by keys alone, and what is typed stays.
    chat.box.fill("And where")
    switch.focus()
    page.keyboard.press("Enter")
    expect(switch).to_have_attribute("aria-pressed", "false")
    expect(switch).to_be_focused()
    assert chat.box.input_value() == "And where"
    assert violations(page) == []
    # The same on a phone without scripts.
    phone = visit(own_server, java_script_enabled=False, **PHONE)
    small = phone.open(page.url)
    small.get_by_role("textbox", name="Message").fill("Half a question")
    assert load(small, small.get_by_role("button", name="Search the web")).ok
    expect(small.get_by_role("button", name="Search the web")).to_have_attribute("aria-pressed", "true")
    expect(small.get_by_role("textbox", name="Message")).to_have_value("Half a question")
    assert overflows(small) == []
    upstream.behaves([{"steps": WRITES}, {"says": "Written."}])
    upstream.always({"json": {"data": [{"id": "fake/plain"}]}}, at="/models")
    assert page.request.post("/admin/models/refresh", headers={"Origin": own_server.url}).ok
    chat.ask("Write it down")
    words = chat.answer.locator(".state__words")
    expect(words).to_have_text("Preparing: fly · 16 characters")
    assert overflows(page) == []
    upstream.goes_on()
    chat.expect("completed")
