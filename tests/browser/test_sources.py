"""An answer from documents in a real browser: a collection, its chat, a question, and the chip that opens the passage."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chats import ChatPage, new_collection, press
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import violations
from tests.browser.test_knowledge import LOOKS, READ_MS
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
WORDS = "Oil the bearing of the pump every Friday."
WARRANTY = "The warranty of the Orrery lasts nineteen months."
# Longer than a message's limit.
LONG = "Grease is kept in the cellar.\n\n" * 1_200 + WARRANTY


@pytest.mark.mostly_deep
@pytest.mark.parametrize("look", LOOKS)
def test_an_answer_has_a_chip_that_leads_to_its_passage(
    server: Server, upstream: Upstream, visit: Visit, look: dict[str, object]
) -> None:
    server.set(knowledge__search_seconds="60", files__reading_seconds="100")
    has_scripts = bool(look.get("java_script_enabled", True))
    page = visit(server, **look).open("/knowledge")
    new_collection(page, "Mill papers")
    collection = page.url
    file = {"name": "pumps.md", "mimeType": "text/plain", "buffer": f"# Pumps\n\n{WORDS}\n".encode()}
    page.get_by_label("Files").set_input_files([file])
    press(page, page.get_by_role("button", name="Add", exact=True))
    expect(page.locator("#documents [data-state=ready]")).to_have_count(1, timeout=READ_MS)

    press(page, page.get_by_role("link", name="Start a chat"))
    expect(page.get_by_role("list", name="Used for this message")).to_contain_text("Mill papers")
    chat = ChatPage(page)
    upstream.says("Every Friday [1].")
    chat.box.fill("When is a bearing oiled?")
    chat.send.click()
    chat.expect("completed")
    chip = chat.answer.get_by_role("link", name="Source 1", exact=True)
    expect(chip).to_be_visible()
    expect(chat.answer.locator(".message-text a.cite")).to_have_text("1")
    chip.click()
    source = page.get_by_role("dialog", name="Source 1") if has_scripts else page.locator("#source-1")
    expect(source).to_contain_text(WORDS)
    expect(source).to_be_in_viewport()
    if has_scripts:
        # Opening a source does not scroll the page, at the end of the chat either.
        expect(chip).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    if has_scripts:
        assert violations(page) == []
        source.get_by_role("link", name="Pumps").click()
        document = page.get_by_role("dialog", name="Pumps")
        expect(document.locator(".passage--wanted")).to_contain_text(WORDS)
        assert violations(page) == []
        page.keyboard.press("Escape")
        expect(chip).to_be_focused()
        chat.answer.get_by_role("link", name="Sources", exact=True).click()
        expect(page.get_by_role("dialog", name="Sources")).to_contain_text(WORDS)
        press(page, page.get_by_role("link", name="Open as a page"))
        expect(page.locator("#source-1")).to_contain_text(WORDS)
        assert violations(page) == []
    sources = page.url
    press(page, page.get_by_role("link", name="Pumps"))
    expect(page.locator(".passage--wanted")).to_contain_text(WORDS)
    expect(page.locator(".passage--wanted")).to_be_in_viewport()

    page.get_by_text("Edit or delete").click()
    press(page, page.get_by_role("button", name="Delete document"))
    expect(page).to_have_url(re.compile(re.escape(collection)))
    page.goto(sources)
    expect(page.get_by_text("The document was deleted.")).to_be_visible()
    expect(page.locator("main")).not_to_contain_text(WORDS)
    read_in_its_chat(visit(server, **look).open("/"), upstream, has_scripts=has_scripts)


def read_in_its_chat(page: Page, upstream: Upstream, *, has_scripts: bool) -> None:
    """Attaches a file that is too long for a message, and asks about it."""
    page.locator("[data-attach]").set_input_files([{"name": "orrery.txt", "mimeType": "text/plain", "buffer": LONG.encode()}])
    if has_scripts:
        expect(page.locator("#composer-chips .chip")).to_contain_text("orrery.txt", timeout=READ_MS)
    upstream.says("Nineteen months [1].")
    chat = ChatPage(page)
    chat.box.fill("How long is the warranty of the Orrery?")
    chat.send.click()
    page.wait_for_url("**/chats/*")
    chat.expect("completed", READ_MS / 1000)
    expect(page.locator(".long-file")).to_contain_text("passages", timeout=READ_MS)
    chip = chat.answer.get_by_role("link", name="Source 1", exact=True)
    expect(chip).to_be_visible()
    assert not has_scripts or violations(page) == []
    chip.click()
    source = page.get_by_role("dialog", name="Source 1") if has_scripts else page.locator("#source-1")
    expect(source).to_contain_text(WARRANTY)
    if has_scripts:
        assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
        page.keyboard.press("Escape")
        page.get_by_role("link", name="orrery.txt").first.click()
        expect(page.get_by_role("dialog", name="orrery")).to_be_visible()
        press(page, page.get_by_role("link", name="Open as a page"))
    else:
        press(page, source.get_by_role("link", name="orrery", exact=True))
    expect(page.get_by_role("heading", level=1)).to_have_text("orrery")
