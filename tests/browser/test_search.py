"""The search, over a page and in the sidebar: by key, at the passage, with late answers, by touch and without scripts."""

import re

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.chats import ChatPage, Person, press
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import violations
from tests.browser.ways import PHONE
from tests.support.server import Server
from tests.upstream.handle import Upstream

LONG = "\n\n".join(f"Line {n} of many." for n in range(60))
MARKED = "() => [...CSS.highlights.get('found') ?? []].map(each => each.toString())"
IS_IN_SIGHT = """() => {
  const {top, bottom} = [...CSS.highlights.get('found')][0].getBoundingClientRect();
  return top > 60 && bottom < innerHeight;
}"""


def answered(person: Person, upstream: Upstream, question: str, answer: str) -> ChatPage:
    upstream.says(answer)
    chat = person.begin(question)
    chat.expect("completed")
    return chat


def sidebar_box(page: Page) -> Locator:
    return page.get_by_role("searchbox", name="Search", exact=True)


def typed(page: Page, words: str) -> None:
    sidebar_box(page).press_sequentially(words)


def opened(page: Page) -> tuple[Locator, Locator]:
    """Opens the search by key; returns its dialog and its box."""
    page.keyboard.press("Control+k")
    dialog = page.get_by_role("dialog", name="Search")
    box = dialog.get_by_role("searchbox")
    expect(box).to_be_focused()
    return dialog, box


def test_the_search_is_gone_through_by_key(server: Server, upstream: Upstream, visit: Visit) -> None:
    person = visit(server)
    answered(person, upstream, "What does the penstock do?", "It leads the water.")
    page = person.open("/account")
    before = page.get_by_role("link", name="New chat").first
    before.focus()
    dialog, box = opened(page)
    expect(dialog.get_by_role("link", name="What does the penstock do?")).to_be_visible()
    box.press_sequentially("penst")
    hits = dialog.get_by_role("region").get_by_role("link")
    expect(hits).to_have_count(2)
    expect(dialog.get_by_role("status")).to_have_text("2 results")
    page.keyboard.press("ArrowDown")
    expect(hits.first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(hits.nth(1)).to_be_focused()
    page.keyboard.press("o")
    expect(box).to_be_focused()
    expect(box).to_have_value("pensto")
    expect(dialog.locator("[data-query=pensto]")).to_be_attached()
    page.keyboard.press("ArrowUp")
    expect(dialog.get_by_role("link", name="Search all messages for")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(box).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(before).to_be_focused()

    _, box = opened(page)
    box.press_sequentially("healt")
    box.press("Enter")
    page.wait_for_url("**/admin/health")
    _, box = opened(page)
    box.press_sequentially("penst")
    box.press("Control+Enter")
    page.wait_for_url("**/chats?q=penst")


def test_enter_waits_for_the_results_of_what_was_typed(server: Server, visit: Visit) -> None:
    page = visit(server).open("/account")
    waiting: list[Route] = []
    page.route(re.compile(r"/search\?q=heal$"), lambda route: waiting.append(route))
    dialog, box = opened(page)
    with page.expect_request(re.compile(r"/search\?q=heal$")):
        box.fill("heal")
    page.keyboard.press("Enter")
    # A later request overtakes the first, whose answer is no longer shown.
    box.press_sequentially("th")
    expect(dialog.get_by_role("link", name="Health")).to_be_visible()
    for route in waiting:
        route.fulfill(body='<div class="results" data-query="heal"><a href="/trash">Late</a></div>')
    expect(dialog.get_by_role("link", name="Late")).to_have_count(0)
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/health")


def test_the_theme_and_the_open_chat_are_changed_from_anywhere(server: Server, upstream: Upstream, visit: Visit) -> None:
    chat = answered(visit(server), upstream, "How high is the weir?", "Two feet.")
    page = chat.page
    for words, theme in (("light theme", "light"), ("system theme", None)):
        page.locator("body").press("Control+k")
        box = page.get_by_role("dialog", name="Search").get_by_role("searchbox")
        with page.expect_navigation():
            box.fill(words)
            box.press("Enter")
        assert page.locator("html").get_attribute("data-theme") == theme
    assert "/chats/" in page.url
    dialog, box = opened(page)
    box.fill("archive this")
    with page.expect_navigation():
        box.press("Enter")
    page.goto(page.url.partition("/chats/")[0] + "/chats?show=archived")
    expect(page.get_by_role("main").get_by_role("link", name="How high is the weir?")).to_be_visible()
    expect(dialog).to_have_count(0)


def test_the_sidebar_finds_as_one_types_and_opens_at_the_passage(server: Server, upstream: Upstream, visit: Visit) -> None:
    person = visit(server)
    answered(person, upstream, "How is it lifted?", f"{LONG}\n\nThe windlass lifts it.\n\n{LONG}")
    # Also on a page without an event stream.
    page = person.open("/settings")
    typed(page, "windl")
    hit = page.locator("#sidebar-found").get_by_role("link", name="windlass")
    expect(hit.locator("mark")).to_have_text("windlass")
    expect(page.locator("#sidebar-chats")).to_be_hidden()
    expect(page.locator("#sidebar-count")).to_have_text("1 result")
    assert violations(page) == []
    page.set_viewport_size({"width": 1100, "height": 720})
    sidebar_box(page).press("Enter")
    page.wait_for_function("() => CSS.highlights.has('found')")
    assert page.evaluate(MARKED) == ["windlass"]
    page.wait_for_function(IS_IN_SIGHT)


def test_the_sidebar_shows_its_list_again_when_the_search_is_left(server: Server, upstream: Upstream, visit: Visit) -> None:
    page = answered(visit(server), upstream, "Which clapper?", "The lower one.").page
    hits = page.locator("#sidebar-found").get_by_role("link")
    typed(page, "clapper")
    expect(hits).to_have_count(3)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Escape")
    expect(sidebar_box(page)).to_be_focused()
    expect(sidebar_box(page)).to_have_value("")
    expect(page.locator("#sidebar-found")).to_be_hidden()
    expect(page.locator("#sidebar-chats")).to_be_visible()
    typed(page, "cl")
    expect(hits.first).to_be_visible()
    for _ in "cl":
        page.keyboard.press("Backspace")
    expect(page.locator("#sidebar-found")).to_be_hidden()
    expect(page.locator("#sidebar-chats")).to_be_visible()


def test_escape_in_the_search_does_not_stop_the_answer(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.counts(2_000, pace=0.03)
    chat = visit(server).begin("Count")
    chat.expect("responding")
    typed(chat.page, "xyzzy")
    chat.page.keyboard.press("Escape")
    expect(sidebar_box(chat.page)).to_have_value("")
    opened(chat.page)
    chat.page.keyboard.press("Escape")
    seen = len(chat.seen())
    chat.wait_for_chars(seen + 20)
    assert chat.status() == "responding"
    chat.stop.click()
    chat.expect("stopped")


@pytest.mark.mostly_deep
@pytest.mark.parametrize("way", [{"java_script_enabled": False}, {**PHONE, "java_script_enabled": False}], ids=["desk", "phone"])
def test_without_scripts_enter_searches_and_a_hit_is_at_its_message(
    server: Server, upstream: Upstream, visit: Visit, way: dict[str, object]
) -> None:
    answered(visit(server), upstream, "Which rod?", f"{LONG}\n\nThe kestrel rod.\n\n{LONG}")
    page = visit(server, **way).open("/settings")
    if "has_touch" in way:
        page.get_by_role("button", name="Chats").click()
    box = sidebar_box(page)
    box.fill("kestrel")
    with page.expect_navigation():
        box.press("Enter")
    press(page, page.get_by_role("main").get_by_role("link", name="Which rod?").first)
    expect(page).to_have_url(re.compile(r"found=kestrel#message-"))
    expect(page.locator(".message:target")).to_contain_text("kestrel rod")


def test_without_scripts_the_search_is_a_page(server: Server, visit: Visit) -> None:
    page = visit(server, java_script_enabled=False).open("/search")
    main = page.get_by_role("main")
    press(page, main.get_by_role("button", name="Dark theme"))
    assert page.locator("html").get_attribute("data-theme") == "dark"
    press(page, main.get_by_role("button", name="System theme"))
    main.get_by_role("searchbox").fill("rotate")
    with page.expect_navigation():
        main.get_by_role("searchbox").press("Enter")
    press(page, page.get_by_role("main").get_by_role("link", name="Keys"))
    expect(page).to_have_url(re.compile("/admin/keys$"))


def test_on_a_phone_hits_are_reached_by_a_finger(server: Server, upstream: Upstream, visit: Visit) -> None:
    answered(visit(server), upstream, "A question about lanterns", "They give light.")
    page = visit(server, **PHONE).open("/")
    dialog, box = opened(page)
    box.fill("lantern")
    hit = dialog.get_by_role("link", name="A question about lanterns").first
    expect(hit).to_be_visible()
    assert violations(page, [(390, "light"), (390, "dark")]) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Chats").click()
    typed(page, "lantern")
    hit = page.locator("#sidebar-found").get_by_role("link", name="A question about lanterns").first
    expect(hit).to_be_visible()
    height = hit.evaluate("hit => hit.getBoundingClientRect().height")
    assert round(height, 2) >= 44
    hit.tap()
    page.wait_for_url("**/chats/*")
