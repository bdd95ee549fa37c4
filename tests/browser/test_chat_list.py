"""The list of chats: rename, pin, archive, search, trash, undo."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chats import Person, press, until
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import overflows, violations
from tests.browser.ways import in_every_way
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
# Relative to the page, however far it is scrolled; the toolbar that appears covers the list without moving it.
PLACES = """[document.documentElement.scrollHeight,
  ...[...document.querySelectorAll('main :is(h1, h2, li, label, li > a:not(.button), .lead)')].map(
    each => Math.round(each.getBoundingClientRect().top + scrollY))]"""


def chosen(page: Page, path: str, name: str) -> None:
    """Chooses an item of a chat's menu."""
    page.goto(path)
    page.locator(".top").get_by_role("button", name="More").click()
    shown: list[object] = []
    page.once("framenavigated", lambda frame: shown.append(frame))
    with page.expect_response(lambda response: response.request.method == "POST") as answer:
        page.get_by_role("button", name=name, exact=True).click()
    if answer.value.request.is_navigation_request():
        # A second navigation must not start before the first has arrived: they would interfere.
        until(page, lambda: shown)
    page.wait_for_load_state()


def heard(page: Page) -> str:
    """Returns the text in the accessibility tree, including text that styles generate."""
    nodes = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    return "".join(str(node["name"]["value"]) for node in nodes if node.get("role", {}).get("value") == "StaticText")


def listed(person: Person, path: str = "/chats") -> Page:
    page = person.context.pages[-1]
    page.goto(path)
    return page


@in_every_way
def test_a_chat_is_named_kept_found_and_thrown_away(
    way: dict[str, Any], server: Server, visit: Visit, upstream: Upstream, request: pytest.FixtureRequest
) -> None:
    word = f"heron{request.node.callspec.id.replace(' ', '')}"
    upstream.says(f"A {word} stands in the **shallow water** and waits.")
    person = visit(server, **way)
    chat = person.begin("What stands there?")
    chat.expect("completed")
    page, path = chat.page, chat.path
    title = f"The bird {word}"

    page.get_by_role("heading", level=1).get_by_role("link").click()
    page.get_by_role("textbox", name="Title").fill(f"{title} for now")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{title} for now")
    # The page that the menu item opens.
    page.goto(f"{path}/rename")
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{title} for now")
    page.goto(f"{path}/rename")
    page.get_by_role("textbox", name="Title").fill(title)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)

    chosen(page, path, "Pin")
    expect(listed(person).get_by_role("region", name="Pinned").get_by_role("link", name=title)).to_be_visible()
    chosen(page, path, "Unpin")

    chosen(page, path, "Archive")
    expect(listed(person).get_by_role("main").get_by_role("link", name=title)).to_have_count(0)
    expect(listed(person, "/chats?show=archived").get_by_role("main").get_by_role("link", name=title)).to_be_visible()
    chosen(page, path, "Unarchive")

    listed(person).get_by_role("main").get_by_role("searchbox").fill(word)
    page.get_by_role("main").get_by_role("button", name="Find").click()
    expect(page.get_by_role("region", name="Chats").get_by_role("link")).to_have_count(1)
    expect(page.get_by_role("region", name="Messages")).to_contain_text("waits.")
    # The whole row is clickable; its link covers the passage.
    page.get_by_role("region", name="Messages").get_by_text("waits.").first.click(force=True)
    expect(page.locator("article .message-text").last).to_contain_text(word)

    chosen(page, path, "Delete chat")
    expect(page.get_by_role("main").get_by_role("status")).to_contain_text("is in the trash")
    press(page, page.get_by_role("main").get_by_role("button", name="Undo"))
    chosen(page, path, "Delete chat")
    row = listed(person, "/chats/trash").get_by_role("main").get_by_role("listitem").filter(has_text=title)
    press(page, row.get_by_role("button", name="Delete permanently"))
    expect(page.get_by_role("main").get_by_text(title)).to_have_count(0)
    assert page.goto(path).status == 404  # type: ignore[union-attr]


@in_every_way
def test_several_chats_are_dealt_with_at_once(
    way: dict[str, Any], server: Server, visit: Visit, upstream: Upstream, request: pytest.FixtureRequest
) -> None:
    upstream.says("Fine.")
    person, word = visit(server, **way), request.node.callspec.id
    names = [f"Wader {number} of the {word}" for number in range(3)]
    for name in names[:2]:
        person.post_first(name)
    person.begin(names[2]).expect("completed")
    page = listed(person)
    main, bar = page.get_by_role("main"), page.get_by_role("form", name="Selected chats")
    expect(bar).to_be_hidden()
    before = page.evaluate(PLACES)
    for name in names:
        box = main.get_by_role("checkbox", name=f"Select {name}")
        size = box.locator("..").bounding_box()
        assert size
        assert min(size["width"], size["height"]) >= (44 if way.get("has_touch") else 24)
        box.check()
    expect(bar).to_be_in_viewport()
    assert "3 selected" in heard(page)
    assert page.evaluate(PLACES) == before

    press(page, bar.get_by_role("button", name="Archive"))
    expect(main.get_by_role("status")).to_contain_text("3 chats archived.")
    for name in names:
        expect(main.get_by_role("link", name=name)).to_have_count(0)
    press(page, main.get_by_role("button", name="Undo"))
    for name in names:
        main.get_by_role("checkbox", name=f"Select {name}").check()
    press(page, bar.get_by_role("button", name="Delete"))
    expect(main.get_by_role("status")).to_contain_text("3 chats are in the trash.")

    page.goto("/chats/trash")
    for name in names[:2]:
        main.get_by_role("checkbox", name=f"Select {name}").check()
    press(page, bar.get_by_role("button", name="Delete permanently all selected"))
    main.get_by_role("checkbox", name=f"Select {names[2]}").check()
    press(page, bar.get_by_role("button", name="Restore all selected"))
    page.goto("/chats")
    expect(main.get_by_role("link", name=names[2])).to_be_visible()
    expect(main.get_by_role("link", name=names[0])).to_have_count(0)


def test_the_keyboard_comes_from_a_box_to_the_actions_and_other_pages_hear_of_them(
    server: Server, visit: Visit, upstream: Upstream
) -> None:
    upstream.says("Fine.")
    person = visit(server)
    elsewhere = person.open("/")
    names = [f"A curlew with the number {number}" for number in range(2)]
    for name in names:
        person.begin(name).expect("completed")
        expect(elsewhere.locator("#sidebar-chats").get_by_role("link", name=name)).to_be_visible()
    page = listed(person)
    page.get_by_role("checkbox", name=f"Select {names[1]}").focus()
    page.keyboard.press("Space")
    for _ in ("to the actions", "to the chat", "to the next box"):
        page.keyboard.press("Tab")
    expect(page.get_by_role("checkbox", name=f"Select {names[0]}")).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to actions").last).to_be_focused()
    where = page.evaluate("scrollY")
    page.keyboard.press("Enter")
    buttons = ("Clear", "Pin", "Archive", "Move to project…", "Tags", "Export", "Delete")
    bar = [("link", "Select all"), *(("button", name) for name in buttons)]
    for role, name in bar:
        page.keyboard.press("Tab")
        expect(page.get_by_role(role, name=name, exact=True)).to_be_focused()
    assert page.evaluate("scrollY") == where
    page.keyboard.press("Enter")
    expect(page.get_by_role("main").get_by_role("status")).to_contain_text("2 chats are in the trash.")
    for name in names:
        expect(elsewhere.locator("#sidebar-chats").get_by_role("link", name=name)).to_have_count(0)


def test_the_boxes_and_the_bar_have_no_known_barriers(server: Server, visit: Visit, upstream: Upstream) -> None:
    upstream.says("Fine.")
    person = visit(server, reduced_motion="reduce")
    person.post_first(f"Avocet 0, with {'a' * 80}")
    chat = person.begin(f"Avocet 1, with {'a' * 80}")
    chat.expect("completed")
    chosen(chat.page, chat.path, "Delete chat")
    # The layout around `main` is the same on all three.
    for path, within in (("/chats", "html"), ("/chats/trash", "main"), ("/chats/trash/empty", "main")):
        page = listed(person, path)
        assert violations(page, within=within) == []
        for box in (boxes := page.get_by_role("checkbox", name="Select Avocet").all()):
            box.check()
        # The bar can cover a part of a row, until the page is scrolled.
        assert (violations(page, within="#several") if boxes else []) + overflows(page) == []


def test_every_open_page_hears_of_it(server: Server, visit: Visit, upstream: Upstream) -> None:
    upstream.counts(60, pace=0.03, holds=[30])
    person = visit(server)
    elsewhere = person.open("/")
    chat = person.begin("A quiet count")
    row = elsewhere.locator("#sidebar-chats").get_by_role("link", name="A quiet count")
    expect(row.get_by_title("answering")).to_be_visible()
    upstream.goes_on()
    chat.expect("completed")
    expect(row.get_by_title("answering")).to_have_count(0)
    chosen(chat.page, chat.path, "Delete chat")
    expect(row).to_have_count(0)
