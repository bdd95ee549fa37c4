"""Pages on a phone: nothing scrolls sideways, the admin pages are behind one button, and *Save* stays in reach."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.places import LOOSE_TABLES, Atlas, is_page, named_at_length
from tests.support.server import Server
from tests.upstream.handle import Upstream

PHONE = {"width": 360, "height": 740}
AREAS = (
    "/admin",
    "/experiments",
    "/insights",
    "/knowledge",
    "/workflows",
    "/settings",
    "/account",
    "/prompts",
    "/personas",
    "/lorebooks",
)


# test_accessibility.py looks at every page in a narrower window, but without a finger.
@pytest.mark.deep
@pytest.mark.timeout(300)
def test_no_page_of_the_administration_or_the_features_scrolls_sideways(own_server: Server, visit: Visit) -> None:
    own_server.lift_limits()
    own_server.start()
    page = visit(own_server, viewport=PHONE, has_touch=True).open("/")
    own_server.flask("seed")
    named_at_length(page)
    atlas, found, seen = Atlas(own_server), list[str](), set[str]()
    waiting = [path for path in atlas.plain() if path.startswith(AREAS)]
    while waiting:
        path = waiting.pop()
        if path not in seen and path.startswith(AREAS) and is_page(page, path):
            seen.add(path)
            page.goto(path)
            waiting += [address for _, address in atlas.learn(page)]
            found += faults(page, path)
    assert found == []
    assert len([path for path in seen if path.startswith("/admin/")]) >= 18
    assert {"/insights/answers", "/knowledge", "/workflows/new", "/settings", "/admin/usage", "/experiments"} <= seen


def test_the_admin_pages_are_behind_one_button_without_a_script(server: Server, visit: Visit) -> None:
    page = visit(server, viewport=PHONE, java_script_enabled=False).open("/admin/health")
    places = page.get_by_role("navigation", name="Administration")
    expect(places).to_be_hidden()
    page.get_by_role("button", name="Administration").click()
    expect(places.get_by_role("link", name="Health")).to_have_attribute("aria-current", "page")
    places.get_by_role("link", name="Audit log").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Audit log")
    expect(places).to_be_hidden()


@pytest.mark.mostly_deep(2)
@pytest.mark.parametrize("path", ["/admin/settings/limits", "/settings/memory", "/characters/new", "/prompts/title/edit"])
def test_save_stays_in_reach(server: Server, visit: Visit, path: str) -> None:
    page = visit(server, viewport={"width": 360, "height": 480}).open(path)
    expect(page.locator(".foot .button")).to_be_in_viewport()


def test_a_chat_is_renamed_in_the_width_of_the_window(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("Water turns the wheel.")
    chat = visit(server, viewport=PHONE, has_touch=True).begin("What turns the wheel?")
    chat.expect("completed")
    page = chat.page
    page.locator(".top__title").click()
    expect(page.locator("#rename-title")).to_be_focused()
    assert faults(page, "the chat") == []
    for name in ("Save", "Cancel"):
        expect(page.locator("#rename").get_by_text(name, exact=True)).to_be_in_viewport(ratio=1)
    field = page.locator("#rename-title").bounding_box()
    assert field
    assert field["width"] > 120
    page.keyboard.press("Escape")
    expect(page.locator("#chat-menu")).to_be_visible()


def test_an_earlier_message_is_edited_in_the_width_of_the_window(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("Water turns the wheel.")
    chat = visit(server, viewport=PHONE, has_touch=True).begin("What turns the wheel, and what turns it when the water is low?")
    chat.expect("completed")
    page = chat.page
    page.get_by_role("button", name="Edit", exact=True).first.click()
    form = page.locator(".edit")
    for button in ("Send again", "Save without a new answer", "Cancel"):
        expect(form.get_by_text(button, exact=True)).to_be_in_viewport(ratio=1)
    expect(form.get_by_role("textbox")).to_be_in_viewport(ratio=1)
    assert faults(page, "the chat") == []


def faults(page: Page, path: str) -> list[str]:
    width = page.evaluate("document.documentElement.scrollWidth")
    loose = page.evaluate(LOOSE_TABLES)
    return [f"{path} is {width} wide"] * (width > PHONE["width"]) + [f"{path} has a loose table: {loose}"] * bool(loose)
