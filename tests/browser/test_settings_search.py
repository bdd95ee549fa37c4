"""The search over all settings: results update while typing, and each links to its setting."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chats import press
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import overflows, violations
from tests.browser.ways import NO_SCRIPTS, in_every_way
from tests.support.server import Server

pytestmark = pytest.mark.slow
# In one call, as the toast disappears by itself.
MIDDLES = """() => {
  millrace.toast('Copied');
  const boxes = ['.toast', 'main'].map(each => document.querySelector(each).getBoundingClientRect());
  return boxes.map(box => (box.left + box.right) / 2);
}"""


def test_the_results_follow_what_is_typed(server: Server, visit: Visit) -> None:
    page = visit(server).open("/admin")
    box, found = page.get_by_role("searchbox", name="Search pages and settings"), page.locator("#found a")

    box.press_sequentially("timeout")
    expect(found).to_have_count(5)
    box.fill("stall timeout")
    expect(found).to_have_count(1)
    expect(box).to_be_focused()
    box.fill("")
    expect(found).to_have_count(0)
    assert page.url.endswith("/admin")


@pytest.mark.mostly_deep
@in_every_way
def test_a_result_leads_to_its_field(way: dict[str, Any], server: Server, visit: Visit) -> None:
    page = visit(server, **way).open("/admin/settings")
    page.get_by_role("searchbox", name="Search pages and settings").fill("stall")
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin?q=stall")
    looks_well(page, way)

    press(page, page.get_by_role("link", name="Stall timeout, in seconds"))

    field = page.get_by_role("textbox", name="Stall timeout, in seconds")
    expect(field).to_be_focused()
    expect(field).to_be_in_viewport()
    expect(page.locator(".setting--found")).to_contain_text("Stall timeout")
    looks_well(page, way)


def looks_well(page: Page, way: dict[str, Any]) -> None:
    if way is not NO_SCRIPTS:
        assert not violations(page)
        assert not overflows(page)


def test_toasts_are_on_the_axis_of_the_column(server: Server, visit: Visit) -> None:
    page = visit(server, viewport={"width": 1280, "height": 800}).open("/settings")
    toast, main = page.evaluate(MIDDLES)
    assert abs(toast - main) <= 1
