"""The text size and the density of the layout, as the user has set them."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chats import press
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import overflows, violations
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
TEXT = "document.querySelector('.message-text')"
SIZE, LEADING = f"parseFloat(getComputedStyle({TEXT}).fontSize)", f"parseFloat(getComputedStyle({TEXT}).lineHeight)"


def choose(page: Page, *, text_size: str = "Standard", density: str = "Comfortable") -> None:
    page.goto("/settings/look")
    for name in (text_size, density):
        if not (radio := page.get_by_role("radio", name=name, exact=True)).is_checked():
            with page.expect_response("**/settings/look"):
                radio.check()


def test_a_look_that_was_chosen_before_its_script_arrived_is_stored(server: Server, visit: Visit) -> None:
    page = visit(server, is_new=True).open("/")
    page.route(re.compile(r"/js/look\b"), lambda route: route.fulfill(body="", content_type="text/javascript"))
    choose(page, text_size="Extra large")
    page.goto("/settings/look")
    expect(page.get_by_role("radio", name="Extra large", exact=True)).to_be_checked()


def test_text_size_and_density_change_every_page_and_break_none(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("A word.\n\n- one\n- two\n")
    chat = visit(server, is_new=True).begin("Hello")
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


def test_a_look_is_shown_and_stored_as_soon_as_it_is_chosen(server: Server, visit: Visit) -> None:
    page = visit(server, is_new=True).open("/settings/look")
    accent = "getComputedStyle(document.querySelector('.button--main')).backgroundColor"
    usual = page.evaluate(accent)
    with page.expect_response("**/settings/look") as stored:
        page.get_by_role("radio", name="Plum").check()
    assert stored.value.status == 204
    assert page.evaluate(accent) != usual
    with page.expect_response("**/settings/look"):
        page.get_by_role("radiogroup", name="Theme").get_by_label("Dark").check()
    with page.expect_response("**/settings/look"):
        page.get_by_role("radiogroup", name="Contrast").get_by_label("High").check()

    # Nothing is left to save, so nothing warns.
    page.goto("/chats")
    looks = page.locator("html").evaluate("({dataset}) => [dataset.accent, dataset.theme, dataset.contrast]")
    assert looks == ["plum", "dark", "more"]
    page.goto("/settings/look")
    assert violations(page) + overflows(page) == []


def test_a_system_that_asks_for_more_contrast_gets_it(server: Server, visit: Visit) -> None:
    page = visit(server).open("/settings/look")
    background = "getComputedStyle(document.documentElement).backgroundColor"
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, contrast="no-preference")  # type: ignore[arg-type]
        usual = page.evaluate(background)
        page.emulate_media(color_scheme=scheme, contrast="more")  # type: ignore[arg-type]
        assert page.evaluate(background) != usual
    assert violations(page) == []


def test_a_look_is_chosen_without_scripts(server: Server, visit: Visit) -> None:
    page = visit(server, is_new=True, java_script_enabled=False).open("/settings/look")
    page.get_by_label("Clay").check()
    press(page, page.get_by_role("button", name="Save"))
    assert page.locator("html").get_attribute("data-accent") == "clay"


def test_a_look_is_reset_beside_its_cards(server: Server, visit: Visit) -> None:
    page = visit(server, is_new=True).open("/settings/look")
    reset = page.get_by_role("button", name="Reset Accent color")
    expect(reset).to_be_hidden()
    with page.expect_response("**/settings/look"):
        page.get_by_role("radio", name="Clay").check()
    expect(reset).to_be_visible()
    press(page, reset)
    expect(page.locator("html[data-accent]")).to_have_count(0)
    expect(reset).to_be_hidden()


def test_another_key_does_what_the_old_one_did_in_all_tabs(own_server: Server, visit: Visit) -> None:
    own_server.start()
    person = visit(own_server)
    page, second = person.open("/settings/keys"), person.open("/chats")
    # Keys are written as they are pressed, and none of them is obeyed meanwhile.
    page.get_by_label("Search everything").press("Control+Shift+S")
    expect(page.get_by_label("Search everything")).to_have_value("Ctrl+Shift+S")
    page.get_by_label("Search everything").press("Control+Shift+E")
    page.get_by_label("Show the help").press("Backspace")
    expect(page.get_by_label("Show the help")).to_have_value("")
    page.get_by_label("Show the help").press("g")
    page.get_by_label("Show the help").press("h")
    expect(page.get_by_label("Show the help")).to_have_value("g then h")
    page.get_by_label("Show or hide the sidebar").fill("Alt+B")
    press(page, page.get_by_role("button", name="Save"))
    expect(page.get_by_text("Saved.")).to_be_visible()
    second.reload()

    for tab in (page, second):
        hide, sheet = tab.locator("#sidebar-toggle button"), tab.locator("#sheet")
        expect(hide).to_have_attribute("title", "Hide sidebar (Alt + B)")
        expect(hide).to_have_attribute("aria-keyshortcuts", "Alt+B")
        tab.locator("#main").focus()
        for old in ("Control+k", "?", "h"):
            tab.keyboard.press(old)
        tab.keyboard.press("Control+Shift+E")
        expect(sheet.get_by_role("searchbox")).to_be_visible()
        tab.keyboard.press("Escape")
        expect(sheet).to_be_hidden()
        tab.locator("#main").focus()
        tab.keyboard.press("g")
        tab.keyboard.press("h")
        expect(sheet).to_contain_text("g then h")
        tab.keyboard.press("Escape")
    page.keyboard.press("Alt+b")
    expect(page.locator("#sidebar-toggle button")).to_have_attribute("title", "Show sidebar (Alt + B)")
    page.goto("/settings/keys")
    assert violations(page) + overflows(page) == []


@pytest.mark.parametrize("has_scripts", [True, False], ids=["scripts", "no scripts"])
def test_the_parts_of_the_settings_lead_to_each_other(server: Server, visit: Visit, has_scripts: bool) -> None:
    page = visit(server, viewport={"width": 390, "height": 844}, java_script_enabled=has_scripts).open("/settings")
    press(page, page.get_by_role("main").get_by_role("link", name="Security"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Security")
    parts = page.get_by_role("navigation", name="Your settings")
    expect(parts).to_be_hidden()
    page.get_by_role("button", name="Settings", exact=True).click()
    expect(parts.get_by_role("link", name="Security")).to_have_attribute("aria-current", "page")
    press(page, parts.get_by_role("link", name="Your data"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Your data")
    page.set_viewport_size({"width": 1280, "height": 800})
    expect(parts).to_be_visible()
    assert not has_scripts or violations(page) + overflows(page) == []
