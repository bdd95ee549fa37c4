"""A collection in a real browser: documents that are processed while the page is open, and a question that finds a passage."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chats import load_later, new_collection, press
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import violations
from tests.support.server import Server

pytestmark = pytest.mark.slow
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 800}
LOOKS = [
    pytest.param({"viewport": PHONE, "color_scheme": "dark"}, id="phone"),
    pytest.param({"viewport": DESK}, id="desk"),
    pytest.param({"viewport": DESK, "java_script_enabled": False}, id="without scripts"),
]
GUIDE = "# Pumps\n\n" + "".join(
    f"## Part {part}\n\n{'The wheel turns and turns again. ' * 20}\n\n" + ("Oil the bearing on Friday.\n\n" if part == 6 else "")
    for part in range(8)
)
# Reading a document starts a process, and several tests share the machine.
READ_MS = 90_000


def add(page: Page, *files: tuple[str, bytes]) -> None:
    chosen = [{"name": name, "mimeType": "text/plain", "buffer": content} for name, content in files]
    page.get_by_label("Files").set_input_files(chosen)
    press(page, page.get_by_role("button", name="Add", exact=True))


DROP = """([place, name, text]) => {
  const brought = new DataTransfer();
  brought.items.add(new File([text], name, { type: "text/plain" }));
  for (const type of ["dragover", "drop"]) {
    document.querySelector(place).dispatchEvent(new DragEvent(type, { dataTransfer: brought, bubbles: true, cancelable: true }));
  }
}"""


def test_files_are_dropped_anywhere_on_the_page_of_a_collection(server: Server, visit: Visit) -> None:
    page = visit(server).open("/knowledge")
    new_collection(page, "Dropped papers")
    load_later(page)
    page.evaluate(DROP, ["h1", "wheel.md", "# Wheels\n\nThey turn.\n"])

    expect(page.get_by_role("status").filter(has_text="Added.")).to_be_visible()
    expect(page.locator("#documents [data-state]")).to_have_count(1)


COVERED = """() => {
  const color = element => getComputedStyle(element).backgroundColor;
  let behind = document.querySelector(".message-text .table").parentElement;
  while (["transparent", "rgba(0, 0, 0, 0)"].includes(color(behind))) behind = behind.parentElement;
  return [getComputedStyle(document.querySelector(".message-text .table")).backgroundImage, color(behind)];
}"""


def test_a_table_has_no_shadow_at_an_edge_behind_which_there_is_nothing(server: Server, visit: Visit) -> None:
    page = visit(server).open("/knowledge")
    new_collection(page, "Prices")
    add(page, ("prices.csv", b"part,price\nseal,3.50\n"))
    expect(page.locator("#documents [data-state=ready]")).to_have_count(1, timeout=READ_MS)
    expect(page.locator(".while-read:visible")).to_have_count(0)
    press(page, page.locator("#documents a"))
    for path in (page.url, f"{page.url}?start=0&passage=0"):
        page.goto(path)
        cover, behind = page.evaluate(COVERED)
        assert cover.startswith(f"linear-gradient(90deg, {behind} ")


@pytest.mark.mostly_deep
@pytest.mark.parametrize("look", LOOKS)
def test_documents_are_added_read_and_found(server: Server, visit: Visit, look: dict[str, object]) -> None:
    page = visit(server, **look).open("/knowledge")
    new_collection(page, "Handbook")
    expect(page.get_by_role("heading", level=1)).to_have_text("Handbook")

    # Without a manual reload: the list updates, or the page reloads itself.
    add(page, ("guide.md", GUIDE.encode()), ("broken.txt", b"\0\0\0\0"))
    expect(page.locator("#documents [data-state=ready]")).to_have_count(1, timeout=READ_MS)
    expect(page.locator("#documents [data-state=ready]")).to_contain_text("Pumps")
    expect(page.locator("#documents [data-state=failed]")).to_contain_text("isn't text", timeout=READ_MS)

    page.get_by_text("Test search", exact=True).first.click()
    page.get_by_role("searchbox", name="Test search").fill("when is a bearing oiled?")
    press(page, page.get_by_role("button", name="Find", exact=True))
    expect(page.locator(".found mark").first).to_be_visible()
    press(page, page.locator(".found a").first)
    wanted = page.locator(".passage--wanted")
    expect(wanted).to_contain_text("Oil the bearing on Friday.")
    expect(wanted).to_be_in_viewport()
    expect(page).to_have_url(re.compile(r"#passage-\d+$"))
    # The title is seen once, as the page's own heading, and all others of the text are seen.
    heights = page.locator("#passage-0 :is(h1, h2, h3)").evaluate_all("all => all.map(each => each.offsetHeight)")
    assert heights[0] <= 1 < min(heights[1:])
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    if look.get("java_script_enabled", True):
        assert violations(page) == []
