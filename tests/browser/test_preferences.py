"""The text size and the density of the layout, as the user has set them."""

import pytest
from playwright.sync_api import Page

from tests.browser.chats import press
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import overflows, violations
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
TEXT = "document.querySelector('.message-text')"
SIZE, LEADING = f"parseFloat(getComputedStyle({TEXT}).fontSize)", f"parseFloat(getComputedStyle({TEXT}).lineHeight)"


def choose(page: Page, *, text_size: str = "Standard", density: str = "Comfortable") -> None:
    page.goto("/settings")
    page.get_by_label("Text size").select_option(text_size)
    page.get_by_label("Density").select_option(density)
    press(page, page.get_by_role("button", name="Save"))


def test_text_size_and_density_change_every_page_and_break_none(own_server: Server, upstream: Upstream, visit: Visit) -> None:
    own_server.start()
    upstream.says("A word.\n\n- one\n- two\n")
    chat = visit(own_server).begin("Hello")
    chat.expect("completed")
    page, path = chat.page, chat.path
    usual, usual_leading = page.evaluate(SIZE), page.evaluate(LEADING)

    choose(page, text_size="Extra large")
    found = violations(page) + overflows(page)
    page.goto(path)
    assert page.evaluate(SIZE) > 1.2 * usual
    page.emulate_media(media="print")
    assert page.evaluate(SIZE) < usual
    page.emulate_media(media="screen")
    assert found + violations(page) + overflows(page) == []

    choose(page, density="Compact")
    found = violations(page) + overflows(page)
    page.goto(path)
    assert (page.evaluate(SIZE), page.evaluate(LEADING) < 0.95 * usual_leading) == (usual, True)
    assert found + violations(page) + overflows(page) == []
