"""What moves when something opens: by opacity and translate alone, without moving anything else, and not at all on request."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chats import layout_shift, reload
from tests.browser.conftest import Visit
from tests.browser.ways import DESKTOP, PHONE
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
# Colours follow the pointer; they move nothing.
MOVES = ["opacity", "translate"]
RECORD = """() => {
  window.moved = new Set();
  for (const event of ["transitionrun", "animationstart"])
    document.addEventListener(event, (each) => moved.add(each.propertyName ?? each.animationName), true);
}"""
MOVED = "[...moved].filter((name) => !/color|^background/.test(name)).sort()"


def opened(page: Page) -> None:
    """Opens what opens in a chat: the menu, the panel and the search."""
    page.evaluate(RECORD)
    page.locator("[popovertarget=chat-menu-list]").click()
    expect(page.locator("#chat-menu-list")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator("#composer-tune").click()
    expect(page.locator("#tuning")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    expect(page.locator("dialog[open]")).to_be_visible()


@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desk", "phone"])
def test_what_opens_moves_alone_or_not_at_all(server: Server, upstream: Upstream, visit: Visit, device: dict[str, Any]) -> None:
    upstream.says("A short answer.")
    chat = visit(server, **device).begin("Hello")
    chat.expect("completed")
    page = chat.page
    page.wait_for_load_state()
    opened(page)
    assert page.evaluate(MOVED) == MOVES
    assert layout_shift(page.evaluate("shifts")) <= 0.01

    page.emulate_media(reduced_motion="reduce")
    reload(page)
    opened(page)
    assert page.evaluate(MOVED) == []
    assert layout_shift(page.evaluate("shifts")) <= 0.01
