"""Projects in the sidebar: unfolded and remembered, with chats that are moved by menu and by dragging."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Visit
from tests.browser.test_accessibility import violations
from tests.browser.test_sidebar import answered, row
from tests.browser.ways import PHONE
from tests.support.server import Server
from tests.upstream.handle import Upstream


def project(page: Page, name: str) -> Locator:
    return page.locator("#sidebar-chats [data-project]").filter(has=page.get_by_role("link", name=name, exact=True))


@pytest.mark.slow
def test_a_chat_is_dragged_into_a_project_and_out_again(server: Server, upstream: Upstream, visit: Visit) -> None:
    person = visit(server)
    answered(person, upstream, "A chat for the mill", "Fine.")
    answered(person, upstream, "Another chat", "Fine.")
    page = person.open("/projects")
    # Folded if another test has left projects on this server.
    if page.get_by_label("Name").is_hidden():
        page.locator("summary", has_text="New project").click()
    page.get_by_label("Name").fill("Mill")
    page.get_by_role("button", name="Create project").click()
    mill = project(page, "Mill")
    expect(mill).to_be_visible()
    mill.get_by_role("button", name="Newest in Mill").press("Enter")
    expect(mill.get_by_role("button", name="Newest in Mill")).to_have_attribute("aria-expanded", "true")
    inside = page.locator(".chats__projects li:not([data-project])")

    chat = row(page, "A chat for the mill").get_by_role("link", name="A chat for the mill")
    # The script is loaded when the first drag begins.
    with page.expect_response("**/js/drag.js*"):
        chat.drag_to(page.locator("h1"))
    chat.drag_to(mill)
    expect(inside).to_have_text(["A chat for the mill"])
    expect(page.get_by_text("Moved to Mill.")).to_be_visible()
    assert violations(page, [(1100, "light"), (1100, "dark")]) == []
    page.reload()
    expect(inside).to_have_text(["A chat for the mill"])
    chat.drag_to(page.get_by_role("heading", name="Today"))
    expect(inside).to_have_count(0)

    row(page, "Another chat").hover()
    row(page, "Another chat").get_by_role("link", name="Options").click()
    menu = page.locator("#sidebar-menu")
    menu.get_by_role("link", name="Move to project").click()
    menu.get_by_role("button", name="Mill").press("Enter")
    expect(inside).to_have_text(["Another chat"])
    page.get_by_role("button", name="Undo").click()
    expect(inside).to_have_count(0)

    phone = visit(server, **PHONE).open("/")
    phone.get_by_role("button", name="Chats").tap()
    for part in ("button", "a"):
        box = project(phone, "Mill").locator(part).first.bounding_box()
        assert box
        assert min(box["width"], box["height"]) >= 44
