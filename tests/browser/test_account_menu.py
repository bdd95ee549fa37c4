"""The menu in the corner of the sidebar and the tabs of its links: by mouse, by key, on a phone and without scripts."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chats import press
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import overflows, violations
from tests.browser.ways import NO_SCRIPTS, PHONE, in_every_way
from tests.support.server import Server

pytestmark = pytest.mark.slow


def open_menu(page: Page, way: dict[str, Any]) -> None:
    if "has_touch" in way:
        page.get_by_role("button", name="Chats").click()
    page.get_by_role("button", name="account menu").click()


@in_every_way
def test_the_menu_leads_to_settings_and_closes(way: dict[str, Any], server: Server, visit: Visit) -> None:
    page = visit(server, **way).open("/chats")
    menu = page.locator("#account-menu")
    expect(menu).to_be_hidden()
    open_menu(page, way)
    expect(menu.get_by_role("link", name="Administration")).to_be_in_viewport(ratio=1)
    expect(menu.get_by_role("button", name="Sign out")).to_be_in_viewport(ratio=1)
    if way is not NO_SCRIPTS:
        assert not violations(page, [(way["viewport"]["width"], "light"), (way["viewport"]["width"], "dark")])
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    page.get_by_role("button", name="account menu").click()
    press(page, menu.get_by_role("link", name="Settings"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Settings")


def test_the_keyboard_goes_through_the_menu(server: Server, visit: Visit) -> None:
    page = visit(server).open("/chats")
    opener = page.get_by_role("button", name="account menu")
    opener.focus()
    page.keyboard.press("Enter")
    for name in ("Settings", "Administration", "Help"):
        page.keyboard.press("Tab")
        if name == "Settings":
            page.keyboard.press("Tab")
        expect(page.locator("#account-menu").get_by_role("link", name=name)).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Sign out")).to_be_focused()
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()


@pytest.mark.parametrize("width", [320, 390])
def test_tabs_fit_on_a_phone_and_lead_to_each_other(server: Server, visit: Visit, width: int) -> None:
    page = visit(server, **{**PHONE, "viewport": {"width": width, "height": 740}}).open("/lorebooks")
    tabs = page.get_by_role("navigation", name="Tabs")
    for name in ("Personas", "Characters", "Lorebooks"):
        press(page, tabs.get_by_role("link", name=name))
        expect(tabs.get_by_role("link", name=name)).to_have_attribute("aria-current", "page")
        box = tabs.get_by_role("link", name=name).bounding_box()
        assert box
        assert box["height"] >= 42
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert not violations(page) + overflows(page)


def test_a_link_is_hidden_without_scripts(server: Server, visit: Visit) -> None:
    page = visit(server, **NO_SCRIPTS).open("/settings/sidebar")
    sidebar = page.get_by_role("navigation", name="Chats")
    expect(sidebar.get_by_role("link", name="Knowledge")).to_be_visible()
    page.get_by_role("checkbox", name="Knowledge").uncheck()
    press(page, page.get_by_role("button", name="Save"))
    expect(sidebar.get_by_role("link", name="Knowledge")).to_have_count(0)
    press(page, page.get_by_role("button", name="Show all"))
    expect(sidebar.get_by_role("link", name="Knowledge")).to_be_visible()
