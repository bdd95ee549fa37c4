"""Answers side by side on paper: one after the other."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chats import ChatPage, Person
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import NARROW
from tests.browser.test_keys_and_printing import long_cells
from tests.browser.texts import RICH
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
# Where to put pictures, for people to look at.
PICTURES = os.environ.get("PICTURES", "")
# The width of a page of A4 between its margins, in pixels.
A4 = 673
# OpenRouter's list doesn't have such variants of its models.
MODELS = ["fake/plain", "fake/large", "fake/plain:free", "fake/large:online"]
WHOLE = {"says": RICH[:1_500], "cost": 0.0001}
# What of an element, or of what it contains, isn't in the page's width.
CUT = """column => [column, ...column.querySelectorAll(':not(.sr, .sr *)')].filter(part => {
  const box = part.getBoundingClientRect();
  const isOutside = box.right > innerWidth + 1 || box.left < -1;
  return box.width && (isOutside || (part.clientWidth && part.scrollWidth > part.clientWidth + 1));
}).map(part => part.outerHTML.slice(0, 80))"""


def begun(person: Person, upstream: Upstream, *behaviours: dict[str, object]) -> ChatPage:
    """Begins a chat in which as many models answer side by side; returns its page."""
    upstream.behaves(behaviours)
    body = {"message": "Tell me about mills", "models": MODELS[: len(behaviours)]}
    made = person.context.request.post("/api/v1/chats", data=body, headers={"Origin": person.url})
    assert made.status == 201, made.text()
    return ChatPage(person.open(f"/chats/{made.json()['chat']['id']}"))


def expect_statuses(page: Page, **counts: int) -> None:
    for status, count in counts.items():
        expect(page.locator(f".column [data-status={status}]")).to_have_count(count)


@pytest.mark.parametrize("width", [NARROW, A4])
def test_on_paper_they_follow_each_other(server: Server, upstream: Upstream, visit: Visit, width: int) -> None:
    table = {"says": f"{long_cells(9)}\n```\n{'a long line of code ' * 20}{'x' * 300}\n```\n"}
    page = begun(visit(server), upstream, WHOLE, table, WHOLE, table).page
    expect_statuses(page, completed=4)
    page.emulate_media(media="print")
    page.set_viewport_size({"width": width, "height": 1000})
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"columns-paper-{width}.png", full_page=True)

    bottom = float("-inf")
    for column in page.locator(".column").all():
        expect(column.locator(".column__name")).to_be_visible()
        expect(column.locator(".message-text")).to_be_visible()
        expect(column.get_by_role("button")).to_have_count(0)
        assert column.evaluate(CUT) == []
        box = column.bounding_box()
        assert box
        assert box["y"] >= bottom
        bottom = box["y"] + box["height"]
    expect(page.locator(".columns__tab").first).to_be_hidden()
