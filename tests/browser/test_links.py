"""A link to a chat, as people without an account see it: on a phone, in the dark, and gone once it is revoked."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.test_accessibility import violations
from tests.browser.texts import RICH
from tests.browser.ways import PHONE
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
GONE = "This link isn't available"
# A page notices within a second; the rest is for a machine that others use, too.
NOTICED_MS = 3_000


def test_a_live_page_grows_and_is_gone_once_its_link_is_revoked(server: Server, upstream: Upstream, visit: Visit) -> None:
    person = visit(server)
    upstream.says(RICH)
    chat = person.begin("What flows north?")
    chat.expect("completed")
    page, path = chat.page, chat.path
    page.locator("#chat-menu").get_by_role("button", name="More").click()
    page.locator("#chat-rare > summary").click()
    page.get_by_role("link", name="Create a link").click()
    page.get_by_label("A live page").check()
    page.get_by_label("People's names").check()
    page.get_by_role("button", name="Create link").click()
    page.get_by_label("Address of the link").wait_for()
    assert violations(page) == []
    address = page.get_by_label("Address of the link").input_value().removeprefix(server.url)

    guest = visit(server, is_signed_in=False, is_far=True, **PHONE)
    shared = guest.open(address)
    expect(shared.locator("article")).to_have_count(2)
    assert shared.evaluate("document.documentElement.scrollWidth") <= PHONE["viewport"]["width"]
    assert shared.get_by_role("link", name="Continue this chat").evaluate("link => link.offsetHeight") >= 44
    assert violations(shared) == []
    upstream.says("Slowly and steadily, it turns east.", pace=0.4)
    other = person.open(path)
    other.locator("#composer-text").fill("And then?")
    other.locator("#composer-text").press("Control+Enter")
    expect(shared.locator("article")).to_have_count(4)
    expect(shared.locator("article").last).to_contain_text("Slowly")
    expect(shared.locator("article").last).to_contain_text("turns east.")

    page.get_by_role("button", name="Revoke the link").click()
    expect(shared.get_by_role("heading", name=GONE)).to_be_visible(timeout=NOTICED_MS)
    expect(shared.locator("article")).to_have_count(0)
    assert violations(shared) == []
    shared.reload()
    expect(shared.get_by_role("heading", name=GONE)).to_be_visible()
    assert guest.context.cookies() == []


def test_a_guest_sees_what_an_answer_draws_with_and_without_scripts(server: Server, upstream: Upstream, visit: Visit) -> None:
    person = visit(server)
    upstream.says('```svg\n<svg viewBox="0 0 40 20"><circle r="9"/></svg>\n```\n\n```mermaid\ngraph LR; Spring --> Wheel\n```\n')
    chat = person.begin("Draw the race.")
    chat.expect("completed")
    page = person.open(f"{chat.path}/links")
    page.get_by_role("button", name="Create link").click()
    address = page.get_by_label("Address of the link").input_value().removeprefix(server.url)

    shared = visit(server, is_signed_in=False, is_far=True, **PHONE).open(address)
    first, second = (shared.frame_locator(".shared__drawn").nth(number).frame_locator("iframe") for number in (0, 1))
    first.locator("circle").wait_for()
    shared.locator(".shared__drawn").last.scroll_into_view_if_needed()
    expect(second.locator("svg").get_by_text("Wheel")).to_be_visible()
    assert shared.evaluate("document.documentElement.scrollWidth") <= PHONE["viewport"]["width"]
    assert violations(shared) == []
    shared.get_by_text("Source").first.click()
    expect(shared.locator("pre").first).to_contain_text("<circle")
    shared.get_by_role("link", name="Open").last.click()
    expect(shared.frame_locator("iframe").get_by_text("Wheel").first).to_be_visible()
    assert violations(shared) == []

    plain = visit(server, is_signed_in=False, java_script_enabled=False).open(address)
    plain.frame_locator(".shared__drawn").first.frame_locator("iframe").locator("circle").wait_for()

    page.get_by_role("button", name="Revoke the link").click()
    expect(shared.get_by_role("heading", name=GONE)).to_be_visible(timeout=NOTICED_MS)
    expect(shared.locator("iframe")).to_have_count(0)
