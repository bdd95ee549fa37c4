"""Answers side by side in a browser: columns on a desk, tabs on a phone, and one after the other on paper."""

import os
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chats import ChatPage, Person
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import EVERY_LOOK, HEIGHT, NARROW, WIDE, overflows, violations
from tests.browser.test_keys_and_printing import long_cells
from tests.browser.texts import RICH
from tests.browser.ways import PHONE
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
# Where to put pictures, for people to look at.
PICTURES = os.environ.get("PICTURES", "")
# The width of a page of A4 between its margins, in pixels.
A4 = 673
# OpenRouter's list doesn't have such variants of its models.
MODELS = ["fake/plain", "fake/large", "fake/plain:free", "fake/large:online"]
WHOLE, ENDLESS = {"says": RICH[:1_500], "cost": 0.0001}, {"counted": 4_000, "pace": 0.2}
# What of an element, or of what it contains, isn't in the page's width.
CUT = """column => [column, ...column.querySelectorAll(':not(.sr, .sr *)')].filter(part => {
  const box = part.getBoundingClientRect();
  const isOutside = box.right > innerWidth + 1 || box.left < -1;
  return box.width && (isOutside || (part.clientWidth && part.scrollWidth > part.clientWidth + 1));
}).map(part => part.outerHTML.slice(0, 80))"""
# Where elements are, read at one moment: the page may still scroll between two questions.
BOXES = "all => all.map(each => each.getBoundingClientRect().toJSON())"


def begun(person: Person, upstream: Upstream, *behaviours: dict[str, object], **more: object) -> ChatPage:
    """Begins a chat in which as many models answer side by side; returns its page."""
    upstream.behaves(behaviours)
    body = {"message": "Tell me about mills", "models": MODELS[: len(behaviours)], **more}
    made = person.context.request.post("/api/v1/chats", data=body, headers={"Origin": person.url})
    assert made.status == 201, made.text()
    return ChatPage(person.open(f"/chats/{made.json()['chat']['id']}"))


def expect_statuses(page: Page, **counts: int) -> None:
    for status, count in counts.items():
        expect(page.locator(f".column [data-status={status}]")).to_have_count(count)


def test_columns_have_no_known_barriers_and_are_tabs_on_a_phone(server: Server, upstream: Upstream, visit: Visit) -> None:
    person = visit(server, reduced_motion="reduce", viewport={"width": WIDE, "height": HEIGHT})
    chat = begun(person, upstream, WHOLE, {"counted": 20, "cut_after": 10, "cut": "rst"}, ENDLESS, ENDLESS)
    page, columns = chat.page, chat.page.locator(".column")
    expect_statuses(page, completed=1, interrupted=1, responding=2)
    columns.get_by_role("button", name="Stop").last.click()
    expect_statuses(page, completed=1, interrupted=1, stopped=1, responding=1)
    boxes = columns.evaluate_all(BOXES)
    assert [box["x"] for box in boxes] == sorted({box["x"] for box in boxes})
    assert len({box["y"] for box in boxes}) == 1
    assert violations(page, [look for look in EVERY_LOOK if look[0] == WIDE]) + overflows(page) == []

    phone = visit(server, **PHONE).open(chat.path)
    tabs, columns = phone.locator(".columns__tab"), phone.locator(".column")
    expect(columns.nth(0)).to_be_visible()
    ended = next(number for number in range(4) if columns.nth(number).locator("[data-status=completed]").count())
    signs = tabs.evaluate_all("all => all.map(tab => getComputedStyle(tab, '::before').content.includes('▲'))")
    assert signs == [bool(columns.nth(number).locator("[data-status=interrupted]").count()) for number in range(4)]
    for width in (320, 360, 390, 412):
        phone.set_viewport_size({"width": width, "height": HEIGHT})
        assert phone.locator(".row > .queue").evaluate("button => button.scrollWidth <= button.clientWidth")
    german = visit(server, locale="de", **PHONE).open(chat.path)
    expect(german.locator(".row > .stop")).to_have_text("Alle stoppen")
    for width in (320, 360, 390, 412):
        german.set_viewport_size({"width": width, "height": HEIGHT})
        for shown_button in (".queue", ".stop"):
            assert german.locator(f".row > {shown_button}").evaluate("button => button.scrollWidth <= button.clientWidth")
        assert overflows(german) == []
    phone.set_viewport_size(PHONE["viewport"])
    tabs.nth(ended).tap()
    expect(columns.nth(ended)).to_be_visible()
    assert violations(phone, [look for look in EVERY_LOOK if look[0] == NARROW]) == []
    tabs.nth(2).tap()
    for number in range(4):
        expect(columns.nth(number)).to_be_visible(visible=number == 2)
        box = tabs.nth(number).bounding_box()
        assert box
        assert box["height"] >= 44
    phone.keyboard.press("ArrowRight")
    expect(columns.nth(3)).to_be_visible()
    # What is written elsewhere leaves the tab that is read; keeping it stops the last one on every page.
    kept = columns.nth(3).locator(".message-text")
    expect(kept).not_to_be_empty()
    page.get_by_role("button", name="Stop all").click()
    expect_statuses(phone, stopped=2)
    expect(columns.nth(3)).to_be_visible()
    columns.nth(3).get_by_role("button", name="Keep this one").tap()
    for shown_page in (page, phone):
        expect(shown_page.locator(".columns")).to_have_count(0)
        expect(shown_page.locator("article")).to_have_count(2)


def test_the_names_of_the_models_stay_in_sight(server: Server, upstream: Upstream, visit: Visit) -> None:
    visit(server)
    for count, width in ((2, 1100), (3, 1280), (4, 1600)):
        page = begun(visit(server, viewport={"width": width, "height": HEIGHT}), upstream, *[WHOLE] * count).page
        expect_statuses(page, completed=count)
        page.locator(".column__foot").first.scroll_into_view_if_needed()
        assert page.locator(".columns").evaluate("all => all.getBoundingClientRect().top") < 0
        for name in page.locator(".column__name").all():
            expect(name).to_be_in_viewport(ratio=1)
        assert overflows(page) == []


def test_the_tab_of_a_column_that_waits_says_so(server: Server, upstream: Upstream, visit: Visit) -> None:
    asks = {"rounds": [{"says": "Hm.", "calls": [{"tool": "ask_person", "arguments": {"question": "Why?"}}]}, {"says": "So."}]}
    person = visit(server, **PHONE)
    page = begun(person, upstream, WHOLE, asks, tools=["ask_person"]).page
    expect_statuses(page, completed=1, waiting=1)
    columns = page.locator(".column")
    waiting = next(number for number in range(2) if columns.nth(number).locator("[data-status=waiting]").count())
    signs = page.locator(".columns__tab").evaluate_all("all => all.map(tab => getComputedStyle(tab, '::before').content)")
    assert ["●" in sign for sign in signs] == [number == waiting for number in range(2)]


@pytest.mark.parametrize("width", [NARROW, A4])
def test_on_paper_they_follow_each_other(server: Server, upstream: Upstream, visit: Visit, width: int) -> None:
    table = {"says": f"{long_cells(9)}\n```\n{'a long line of code ' * 20}{'x' * 300}\n```\n"}
    page = begun(visit(server), upstream, WHOLE, table, WHOLE, table).page
    expect_statuses(page, completed=4)
    page.emulate_media(media="print")
    page.set_viewport_size({"width": width, "height": 1000})
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"columns-paper-{width}.png", full_page=True)

    columns = page.locator(".column")
    for column in columns.all():
        expect(column.locator(".column__name")).to_be_visible()
        expect(column.locator(".message-text")).to_be_visible()
        expect(column.get_by_role("button")).to_have_count(0)
        assert column.evaluate(CUT) == []
    boxes = columns.evaluate_all(BOXES)
    assert all(above["bottom"] <= below["top"] for above, below in pairwise(boxes))
    expect(page.locator(".columns__tab").first).to_be_hidden()
