"""Long pastes and files: chips above the text, on a desktop, on a phone and without scripts."""

import pytest
from playwright.sync_api import Request, expect

from tests.browser.chats import ChatPage, answers_asked, load_later, reload, until
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import LOOK, RULES
from tests.browser.ways import NO_SCRIPTS, PHONE
from tests.chat.test_files import drawn
from tests.support.server import ROOT, Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
LONG = "One line of many.\n" * 200
PASTE = """text => {
  const given = new DataTransfer();
  given.setData('text/plain', text);
  document.getElementById('composer-text').dispatchEvent(
    new ClipboardEvent('paste', {clipboardData: given, bubbles: true, cancelable: true}));
}"""


def notes(name: str = "notes.md") -> dict[str, object]:
    return {"name": name, "mimeType": "text/markdown", "buffer": b"# Notes\n\n```\ncode\n```\n"}


def dot() -> dict[str, object]:
    return {"name": "dot.png", "mimeType": "image/png", "buffer": drawn()}


def has_one_file(draft: Request) -> bool:
    """Whether a draft contains only the remaining file: earlier drafts, with both, can still be on their way."""
    said = draft.post_data or ""
    return "notes.md" in said and "other.md" not in said


def test_long_pastes_and_files_stand_above_the_text(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("Read.")
    page = visit(server).open("/")
    chips, box = page.locator("#composer-chips .chip"), page.get_by_role("textbox", name="Message")
    box.fill("A long draft.\n" * 60)
    page.evaluate(PASTE, LONG)
    expect(chips).to_have_count(1)
    expect(chips.first).to_be_in_viewport()
    expect(chips.first).to_contain_text("Pasted text.txt")
    expect(chips.first).to_contain_text("4 KB")
    chips.first.locator("summary").click()
    expect(chips.first.locator("pre")).to_contain_text("One line of many.")
    chips.first.locator("summary").click()
    page.locator("[data-attach]").set_input_files([notes(), notes("other.md")])
    expect(chips).to_have_count(3)
    with page.expect_response(lambda response: response.url.endswith("/draft") and has_one_file(response.request)):
        page.get_by_role("button", name="Remove other.md").click()
    expect(box).to_be_focused()
    page.evaluate((ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8"))
    assert page.evaluate(LOOK, RULES) == []

    reload(page)
    expect(chips).to_have_count(2)
    box.fill("")
    box.press("Enter")
    page.wait_for_url("**/chats/*")
    chat = ChatPage(page)
    chat.expect("completed")
    sent = answers_asked(upstream.log())[0]["body"]["messages"][-1]["content"]
    assert sent == f"Pasted text.txt\n```txt\n{LONG.rstrip()}\n```\n\nnotes.md\n````md\n# Notes\n\n```\ncode\n```\n````"
    expect(chips).to_have_count(0)
    file = page.locator(".message-text .file").last
    expect(file.locator("pre")).to_be_hidden()
    file.locator("summary").click()
    expect(file.locator("pre")).to_contain_text("# Notes")


def test_a_picture_is_brought_looked_at_and_sent(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("Teal.")
    page = visit(server, **PHONE).open("/")
    chips = page.locator("#composer-chips .chip")
    page.locator("[data-attach]").set_input_files([dot(), {**dot(), "name": "scan.pdf", "buffer": b"%PDF-1.4 and no more"}])
    expect(page.locator(".toast")).to_contain_text("is damaged")
    expect(chips).to_have_count(1)
    expect(chips.locator("img")).to_be_visible()
    page.evaluate((ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8"))
    assert page.evaluate(LOOK, RULES) == []
    page.get_by_role("button", name="Send").click()
    page.wait_for_url("**/chats/*")
    ChatPage(page).expect("completed")
    picture = page.get_by_role("img", name="dot.png")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 8


def test_pictures_are_looked_at_one_after_the_other(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("Teal.")
    page = visit(server).open("/")
    page.locator("[data-attach]").set_input_files([dot(), {**dot(), "name": "second.png"}])
    expect(page.locator("#composer-chips .chip")).to_have_count(2)
    page.get_by_role("button", name="Send").click()
    page.wait_for_url("**/chats/*")
    ChatPage(page).expect("completed")
    load_later(page)
    page.get_by_role("link", name="Open dot.png").click()
    box = page.get_by_role("dialog", name="Image")
    expect(box.get_by_role("img", name="dot.png")).to_be_visible()
    expect(box.get_by_role("button", name="Previous image")).to_be_disabled()
    page.evaluate((ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8"))
    assert page.evaluate(LOOK, RULES) == []
    page.keyboard.press("ArrowRight")
    expect(box.get_by_role("img", name="second.png")).to_be_visible()
    expect(box.locator("output")).to_have_text("2 / 2")
    box.get_by_role("button", name="Close").click()
    expect(box).to_be_hidden()
    expect(page.get_by_role("link", name="Open dot.png")).to_be_focused()
    page.keyboard.press("Enter")
    expect(box).to_be_visible()
    page.keyboard.press("Escape")
    expect(box).to_be_hidden()
    assert "/chats/" in page.url


def test_a_file_added_while_a_message_is_sent_stays(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("Ready.")
    chat = visit(server, **PHONE).begin("Hello")
    chat.expect("completed")
    page, chips = chat.page, chat.page.locator("#composer-chips .chip")
    page.locator("[data-attach]").set_input_files([notes()])
    expect(chips).to_have_count(1)
    page.route("**/messages", lambda route: (page.wait_for_timeout(10), route.continue_()))
    page.evaluate("""() => {
      document.querySelector('#composer-controls .send').click();
      const given = new DataTransfer();
      given.items.add(new File(['later'], 'later.txt'));
      dispatchEvent.call(document, new DragEvent('drop', {dataTransfer: given, bubbles: true, cancelable: true}));
    }""")
    expect(page.locator("article")).to_have_count(4)
    expect(chips).to_have_count(1)
    expect(chips).to_contain_text("later.txt")


def test_without_scripts_a_file_is_a_field(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("Read.")
    page = visit(server, **NO_SCRIPTS).open("/")
    page.get_by_role("textbox", name="Message").fill("Look")
    page.get_by_label("Add files").set_input_files([notes(), dot()])
    page.get_by_role("button", name="Send").click()
    page.wait_for_url("**/chats/*")
    until(page, lambda: answers_asked(upstream.log()))
    text, image = answers_asked(upstream.log())[0]["body"]["messages"][-1]["content"]
    assert "notes.md\n````md\n" in text["text"]
    assert image["image_url"]["url"].startswith("data:image/png;base64,")
    expect(page.locator(".message-text .file summary")).to_contain_text("notes.md")
    expect(page.get_by_role("img", name="dot.png")).to_be_visible()
