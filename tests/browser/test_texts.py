"""A text beside the chat: opened from an answer, typed in, a part of it rewritten; on a desk, on a phone, without scripts."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chats import ChatPage, held, load_later, until
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import violations
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
PLAN = "# A plan\n\nFirst we rest 🌾 a while.\n\nThen we walk."
DESK = {"width": 1280, "height": 800}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def beside(chat: ChatPage) -> None:
    """Opens the whole answer beside the chat."""
    load_later(chat.page)
    chat.answer.get_by_role("button", name="More").click()
    chat.answer.locator(".deeds summary", has_text="More").click()
    chat.answer.get_by_role("link", name="Edit in side panel").click()
    chat.page.locator("#panel").get_by_role("button", name="The whole answer").click()
    expect(chat.page.locator("#panel .text-read")).to_contain_text("Then we walk.")


def select(page: Page, words: str) -> None:
    start = "box.value.indexOf(words)"
    page.locator("#text").evaluate(f"(box, words) => box.setSelectionRange({start}, {start} + words.length)", words)


def test_a_text_beside_the_chat_is_saved_as_it_is_typed_and_a_selection_rewritten(
    server: Server, upstream: Upstream, visit: Visit
) -> None:
    upstream.says(PLAN)
    chat = visit(server, viewport=DESK).begin("Write a plan")
    chat.expect("completed")
    page, panel = chat.page, chat.page.locator("#panel")
    beside(chat)
    assert violations(page) == []
    panel.get_by_role("link", name="Edit").click()
    box = panel.get_by_role("textbox", name="Text")
    box.fill(f"{PLAN}\n\nAt last we eat.")
    expect(panel.locator("#text-note")).to_have_text("Saved as version 2.")
    assert violations(page) == []
    box.focus()
    select(page, "Then we walk.")
    expect(panel.locator("#part option:checked")).to_have_text("Selected: “Then we walk.”")
    upstream.says("Then we run.")
    panel.get_by_role("textbox", name="What should change").fill("Faster")
    page.keyboard.press("Enter")
    expect(panel.locator("#text-change ins")).to_have_text("Then we run.")
    panel.get_by_role("button", name="Accept").click()
    expect(panel.locator(".text-read")).to_contain_text("Then we run.")
    expect(panel.locator(".text-read")).to_contain_text("At last we eat.")
    expect(panel.locator(".text-read")).not_to_contain_text("Then we walk.")
    expect(chat.text).to_contain_text("Then we walk.")


def test_what_is_typed_before_the_script_is_there_is_saved(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says(PLAN)
    chat = visit(server, viewport=DESK).begin("Write a plan")
    chat.expect("completed")
    page, panel = chat.page, chat.page.locator("#panel")
    waiting = held(page, "**/js/texts*")
    beside(chat)
    panel.get_by_role("link", name="Edit").click()
    panel.get_by_role("textbox", name="Text").fill(f"{PLAN}\n\nAt last we eat.")
    until(page, lambda: waiting)
    waiting[0].continue_()
    expect(panel.locator("#text-note")).to_have_text("Saved as version 2.")


def test_of_two_tabs_the_second_is_told_while_it_is_typed(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says(PLAN)
    person = visit(server, viewport=DESK)
    chat = person.begin("Write a plan")
    chat.expect("completed")
    beside(chat)
    address = str(chat.page.locator("#panel a[title='Open as a page']").get_attribute("href"))
    one, two = person.open(f"{address}/edit"), person.open(f"{address}/edit")
    one.get_by_role("textbox", name="Text").fill("Mine.")
    expect(one.locator("#text-note")).to_have_text("Saved as version 2.")
    two.get_by_role("textbox", name="Text").fill("Yours.")
    expect(two.locator("#text-note")).to_contain_text("was changed meanwhile")
    expect(two.get_by_role("textbox", name="Text")).to_have_value("Yours.")
    two.get_by_role("button", name="Save").click()
    expect(two.locator(".text-read")).to_have_text("Yours.")
    two.get_by_role("link", name=re.compile("Version 3")).click()
    two.get_by_role("link", name="Version 2").click()
    expect(two.locator(".text-read")).to_have_text("Mine.")


@pytest.mark.parametrize("by", ["mouse", "keyboard", "touch", "after it was saved", "as a page", "without scripts"])
def test_cancel_leaves_what_was_there_before(server: Server, upstream: Upstream, visit: Visit, by: str) -> None:
    upstream.says("```csv\nriver,km\nElbe,1094\nOder,866\n```")
    has_scripts = by != "without scripts"
    person = visit(server, java_script_enabled=has_scripts, **PHONE if by == "touch" else {"viewport": DESK})
    chat = person.begin("Rivers")
    chat.expect("completed")
    page, texts = chat.page, f"{server.url}{chat.path}/texts"
    message = str(chat.answer.get_attribute("id")).removeprefix("message-")
    if has_scripts and by != "as a page":
        load_later(page)
        chat.answer.get_by_role("link", name="Open in side panel").click()
        page.locator("#panel").get_by_role("link", name="Edit").click()
    else:
        page.goto(f"{server.url}/messages/{message}/texts/edit?block=0")
    page.get_by_role("textbox", name="Text").fill("river,km\nElbe,1")
    cancel = page.get_by_role("button", name="Cancel")
    if by == "after it was saved":
        expect(page.locator("#text-note")).to_have_text("Saved as version 2.")
    if by == "keyboard":
        cancel.focus()
        page.keyboard.press("Enter")
    elif by == "touch":
        cancel.tap()
    else:
        cancel.click()
    expect(page.locator("#text-form")).to_have_count(0)
    expect(page.get_by_role("link", name="Source").last).to_be_visible()
    # The next page shows what was stored, after what this one still sends.
    page.goto(f"{server.url}/messages/{message}/preview?block=0")
    expect(page.get_by_text("was edited since")).to_have_count(0)
    assert "/texts/" not in page.url
    page.goto(texts)
    expect(page.get_by_text("No texts in the side panel yet.")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_on_a_phone(server: Server, upstream: Upstream, visit: Visit, scripts: bool) -> None:
    upstream.says(PLAN)
    chat = visit(server, java_script_enabled=scripts, **PHONE).begin("Write a plan")
    chat.expect("completed")
    page = chat.page
    if scripts:
        beside(chat)
        page.locator("#panel").get_by_role("link", name="Edit").click()
    else:
        page.get_by_role("link", name="Actions").last.click()
        page.get_by_role("link", name="Edit in side panel").click()
        page.get_by_role("button", name="The whole answer").click()
        page.get_by_role("link", name="Edit").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_label("Part", exact=True).select_option(label="Then we walk.")
    upstream.says("Then we run.")
    page.get_by_role("textbox", name="What should change").fill("Faster")
    page.get_by_role("button", name="Change this part").last.click()
    expect(page.locator("#text-change ins")).to_have_text("Then we run.")
    page.get_by_role("button", name="Accept").click()
    expect(page.locator(".text-read")).to_contain_text("Then we run.")


def test_a_kill_during_a_change_loses_nothing(own_server: Server, upstream: Upstream, visit: Visit) -> None:
    own_server.start()
    upstream.says(PLAN)
    chat = visit(own_server, viewport=DESK).begin("Write a plan")
    chat.expect("completed")
    page, panel = chat.page, chat.page.locator("#panel")
    beside(chat)
    panel.get_by_role("link", name="Edit").click()
    address = str(panel.locator("#text-form").get_attribute("action"))
    upstream.counts(400, pace=0.02)
    panel.get_by_role("textbox", name="Text").fill(f"{PLAN}\n\nAt last we eat.")
    panel.get_by_role("textbox", name="What should change").fill("Longer")
    page.keyboard.press("Enter")
    expect(panel.locator("#text-change")).to_contain_text("is being rewritten")
    upstream.until(lambda _log: len(upstream.posts()[-1]["tokens"]) > 50)
    own_server.kill()
    own_server.start()
    page.goto(f"{own_server.url}{address}")
    expect(page.locator("#text-change")).to_contain_text("The server was restarted while this was being written.")
    expect(page.locator("#text-change ins").first).to_contain_text("w000001")
    expect(page.locator(".text-read")).to_contain_text("At last we eat.")
    upstream.says("A better plan.")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#text-change ins")).to_have_text("A better plan.")
