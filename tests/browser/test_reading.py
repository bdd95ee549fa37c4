"""What a chat's page does for its reader: it stays still, speaks, keeps the focus, folds, wraps, copies, and forgets."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.chats import HEAR, HIDE, ChatPage, Person, copied, reload
from tests.browser.conftest import Visit
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
DESKTOP: dict[str, Any] = {"viewport": {"width": 1100, "height": 720}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
TALE = "".join(f"Sentence number {n} is here. " for n in range(1, 40))
WIDE = "| " + " | ".join(f"column number {n}" for n in range(20)) + " |\n" + "|---" * 20 + "|\n" + "| cell " * 20 + "|\n"
CODE = f"```python\nline = '{'long ' * 60}'\n```\n\n{WIDE}\nThe **end**.\n"
LONG = "\n".join(f"line {n}" for n in range(1, 41))
FOCUS = "() => document.activeElement.title || document.activeElement.textContent.trim() || document.activeElement.id"


@pytest.fixture(params=[DESKTOP, pytest.param(PHONE, marks=pytest.mark.deep)], ids=["desktop", "phone"])
def person(request: pytest.FixtureRequest, server: Server, visit: Visit) -> Person:
    return visit(server, **request.param)


@pytest.fixture
def chat(person: Person, upstream: Upstream) -> ChatPage:
    """A chat with a complete answer."""
    upstream.says("Ready.")
    chat = person.begin("Hello")
    chat.expect("completed")
    return chat


def test_the_answer_is_heard_by_sentence(chat: ChatPage, upstream: Upstream) -> None:
    chat.page.evaluate(HEAR)
    upstream.says(f"{TALE}\n\n```\ncode\n```\n\nAnd a last word", pace=0.01)
    chat.ask("Tell me")
    chat.expect("completed")
    chat.page.wait_for_function("() => heard.length > 2 && heard.at(-1) === 'The answer is complete.'")
    heard = chat.page.evaluate("heard")
    first, *said, end = heard[heard.index("The answer has started.") :]
    # The previous answer's end can be announced late.
    said = [words for words in said if words != end]
    assert (first, end) == ("The answer has started.", "The answer is complete.")
    assert " ".join(said) == f"{TALE}Code block. And a last word"
    assert len(said) < 12
    assert all(words.endswith(".") for words in said[:-1])


def test_the_title_and_the_icon_say_how_it_stands(chat: ChatPage, upstream: Upstream) -> None:
    icon = chat.page.locator("link[rel=icon]")
    plain = icon.get_attribute("href")
    upstream.counts(40, pace=0.02, holds=[20])
    chat.ask("Count")
    expect(chat.page).to_have_title(re.compile("^… "))
    expect(icon).to_have_attribute("href", re.compile("mark-running"))
    chat.page.evaluate(HIDE, True)
    upstream.goes_on()
    chat.expect("completed")
    expect(chat.page).to_have_title(re.compile("^● "))
    expect(icon).to_have_attribute("href", re.compile("mark-done"))
    chat.page.evaluate(HIDE, False)
    expect(chat.page).to_have_title(re.compile("^[^…●]"))
    expect(icon).to_have_attribute("href", re.compile(re.escape(str(plain).rpartition("/")[2])))


def test_a_page_that_hears_late_of_an_answer_says_in_its_title_that_it_runs(chat: ChatPage, upstream: Upstream) -> None:
    page = chat.page
    upstream.counts(40, pace=0.02, holds=[20])
    page.wait_for_function("() => document.getElementById('thread')._htmx?.sse?.reader")
    page.route("**/events*", lambda route: route.abort())
    page.evaluate("document.getElementById('thread')._htmx.sse.reader.cancel()")
    chat.box.fill("Count")
    with page.expect_response("**/messages"):
        chat.send.click()
    page.wait_for_timeout(1_500)
    page.unroute("**/events*")
    expect(page).to_have_title(re.compile("^… "))
    upstream.goes_on()
    chat.expect("completed")
    expect(page).to_have_title(re.compile("^[^…]"))


def test_the_focus_is_never_lost(chat: ChatPage, upstream: Upstream) -> None:
    page = chat.page
    upstream.counts(2000, pace=0.05)
    chat.ask("Count")
    chat.wait_for("w000003")
    press(chat.stop)
    chat.expect("stopped")
    expect(chat.send).to_be_focused()
    upstream.says("Another one.")
    press(chat.again)
    chat.wait_for("Another one.")
    chat.expect("completed")
    assert page.evaluate(FOCUS) != ""
    expect(chat.send).to_be_focused()
    press(chat.answer.get_by_role("button", name="Previous version"))
    chat.wait_for("w000003")
    expect(chat.answer.get_by_role("button", name="Next version")).to_be_visible()
    page.wait_for_function("id => document.activeElement.closest('article')?.id === id", arg=chat.answer.get_attribute("id"))
    press(page.locator("article[data-role=user]").last.get_by_role("button", name="Edit"))
    expect(page.locator("article textarea")).to_be_focused()
    press(page.get_by_role("button", name="Send again"))
    expect(page.locator("article textarea")).to_have_count(0)
    chat.expect("completed")
    # On a phone that would open the keyboard.
    expect(chat.send if page.evaluate("millrace.thumbs.matches") else chat.box).to_be_focused()
    before = page.locator("article").count()
    press(page.locator("article[data-role=user]").last.get_by_role("button", name="Delete"))
    expect(page.locator("#toasts")).to_contain_text("Deleted")
    page.wait_for_function("() => document.activeElement.matches('article')")
    press(page.get_by_role("button", name="Undo"))
    expect(page.locator("article")).to_have_count(before)
    page.wait_for_function("() => document.activeElement !== document.body")
    press(page.locator("#chat-title a"))
    expect(page.get_by_label("Title")).to_be_focused()
    page.get_by_label("Title").fill("A new name")
    press(page.locator("#rename").get_by_role("button", name="Save"))
    expect(page.locator("#chat-title a")).to_have_text("A new name")
    expect(page.locator("#chat-title a")).to_be_focused()


def press(control: Any) -> None:
    control.focus()
    control.press("Enter")


def test_enter_queues_while_an_answer_runs(chat: ChatPage, upstream: Upstream) -> None:
    upstream.behaves([{"counted": 60, "pace": 0.02, "holds": [20]}])
    chat.ask("Count")
    chat.box.fill("And then?")
    expect(chat.page.get_by_role("button", name="Queue")).to_be_visible()
    if chat.page.evaluate("matchMedia('(pointer: coarse)').matches"):
        chat.page.get_by_role("button", name="Queue").click()
    else:
        chat.box.press("Enter")
    expect(chat.page.locator("#follow-up")).to_contain_text("And then?")
    upstream.goes_on()
    expect(chat.page.locator("article")).to_have_count(6)
    chat.expect("completed")


def test_code_can_be_wrapped_and_what_is_wide_scrolls_in_itself(chat: ChatPage, upstream: Upstream) -> None:
    upstream.says(CODE)
    chat.ask("Show me")
    chat.expect("completed")
    page, code = chat.page, chat.answer.locator(".code pre")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert code.evaluate("pre => pre.scrollWidth > pre.clientWidth")
    assert chat.answer.locator(".table").evaluate("table => table.scrollWidth > table.clientWidth")
    expect(chat.answer.locator(".code > header")).to_contain_text("python")
    wrap = chat.answer.get_by_role("button", name="Wrap lines")
    press(wrap)
    expect(wrap).to_have_attribute("aria-pressed", "true")
    assert code.evaluate("pre => pre.scrollWidth <= pre.clientWidth")
    press(wrap)
    assert code.evaluate("pre => pre.scrollWidth > pre.clientWidth")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    chat.answer.hover()
    copied(chat.deed("Copy as text"))
    words = page.evaluate("navigator.clipboard.readText()")
    assert "The end." in words
    assert "```" not in words


@pytest.mark.parametrize("has_scripts", [True, False])
def test_a_long_message_is_folded(person: Person, server: Server, upstream: Upstream, visit: Visit, has_scripts: bool) -> None:
    upstream.says("Read.")
    chat = person.begin(LONG)
    chat.expect("completed")
    page = chat.page if has_scripts else visit(server, java_script_enabled=False).open(chat.page.url)
    text = page.locator("article[data-role=user] .message-text").first
    short = text.bounding_box()
    page.get_by_text("Show all").click()
    expect(page.get_by_text("Show less")).to_be_visible()
    long = text.bounding_box()
    assert short
    assert long
    assert short["height"] < 420 < long["height"]
    page.locator(".fold").focus()
    page.keyboard.press("Space")
    expect(page.get_by_text("Show all")).to_be_visible()


@pytest.mark.mostly_deep
@pytest.mark.parametrize("has_scripts", [True, False])
def test_a_temporary_chat_is_gone_when_it_is_closed(
    person: Person, server: Server, upstream: Upstream, visit: Visit, has_scripts: bool
) -> None:
    upstream.says("Unkept.")
    person = person if has_scripts else visit(server, java_script_enabled=False)
    page = person.open("/")
    page.get_by_label("Temporary").check()
    page.get_by_role("textbox", name="Message").fill("Between us")
    page.get_by_role("button", name="Send").click()
    page.wait_for_url("**/chats/*")
    expect(page.get_by_text("Temporary: deleted when you close it, or after one day.")).to_be_visible()
    chat = ChatPage(page)
    if not has_scripts:
        reload(page)
    chat.wait_for("Unkept.")
    chat.expect("completed")
    address = page.url
    # The button stays visible, however far the page is scrolled.
    page.locator(".top").get_by_role("button", name="Close", exact=True).click()
    page.wait_for_url(re.compile(r"/$"))
    expect(page.locator("body")).not_to_contain_text("Between us")
    assert person.context.request.get(address).status == 404


def test_formulas_are_copied_as_they_were_written(person: Person, upstream: Upstream) -> None:
    written = 'So $\\frac{a}{b}$ is\n\n$$\\sqrt{x} < \\text{"y"}$$\n\nand money is $5.'
    upstream.says(written)
    chat = person.begin("Hello")
    chat.expect("completed")
    page = chat.page
    expect(chat.answer.locator("math")).to_have_count(2)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    copied(chat.answer.locator("[data-copy$='.md']"), press)
    assert page.evaluate("navigator.clipboard.readText()").strip() == written
    page.evaluate("navigator.clipboard.writeText('')")
    chat.answer.locator(".message-text").evaluate("text => getSelection().selectAllChildren(text)")
    page.keyboard.press("ControlOrMeta+c")
    page.wait_for_function("async () => await navigator.clipboard.readText()")
    assert page.evaluate("navigator.clipboard.readText()").split() == written.split()
