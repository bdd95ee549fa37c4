"""Projects: work on their pages, and the sidebar, unfolded and remembered, with chats that are moved by menu and by dragging."""

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.chats import ChatPage, load_later, press
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import violations
from tests.browser.test_knowledge import DROP, READ_MS
from tests.browser.test_sidebar import answered, row
from tests.browser.ways import DESKTOP, NO_SCRIPTS, PHONE
from tests.support.server import Server
from tests.upstream.handle import Upstream


def project(page: Page, name: str) -> Locator:
    return page.locator("#sidebar-chats [data-project]").filter(has=page.get_by_role("link", name=name, exact=True))


def new_project(page: Page, name: str) -> None:
    # Folded if another test has left projects on this server.
    if page.get_by_label("Name").is_hidden():
        page.locator("summary", has_text="New project").click()
    page.get_by_label("Name").fill(name)
    press(page, page.get_by_role("button", name="Create project"))


@pytest.mark.slow
@pytest.mark.mostly_deep
@pytest.mark.parametrize("way", [DESKTOP, PHONE, NO_SCRIPTS], ids=["desktop", "phone", "no scripts"])
def test_one_works_on_the_page_of_a_project(server: Server, upstream: Upstream, visit: Visit, way: dict[str, Any]) -> None:
    page = visit(server, **way).open("/projects")
    name, has_scripts = f"Lock {way['viewport']['width']}", way is not NO_SCRIPTS
    new_project(page, name)
    path, main = page.url, page.get_by_role("main")
    if has_scripts:
        load_later(page)
        page.evaluate(DROP, ["h1", "gate.md", "# Gates\n\nThe upper gate is oak.\n"])
    else:
        page.get_by_label("Add files to the project").set_input_files(
            [{"name": "gate.md", "mimeType": "text/plain", "buffer": b"Oak."}]
        )
        press(page, page.get_by_role("button", name="Add", exact=True))
    expect(main.locator("#documents [data-state]")).to_have_count(1)

    upstream.says("It is of **oak**, as the survey says.")
    chat = ChatPage(page)
    if has_scripts:
        # What is dropped on the composer goes with the message. While it is dragged, browsers don't say which files these are.
        page.evaluate(DROP.replace('"dragover", ', ""), ["#composer-text", "note.txt", "A note."])
        expect(main.locator("#composer-chips .chip")).to_have_count(1)
    chat.box.fill("What is the upper gate made of?")
    chat.send.click()
    page.wait_for_url("**/chats/*")
    if has_scripts:
        chat.expect("completed")
    inside = page.locator(".chats__projects li:not([data-project]) [aria-current]")
    expect(inside).to_have_text(re.compile("What is the upper gate"))

    page.goto("/help")
    page.goto(path)
    if has_scripts:
        expect(main.locator("#documents [data-state=ready]")).to_have_count(1, timeout=READ_MS)
    expect(main.locator("#project-chats .how")).to_have_text("It is of oak, as the survey says.")
    if has_scripts:
        main.locator("#project-chats a").first.click()
        # By a swap of the page.
        expect(inside).to_have_count(1)
        page.go_back()
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
        page.get_by_role("button", name="More").click()
        expect(page.get_by_role("button", name="Delete project")).to_be_visible()
        assert violations(page) == []
    # The other tests look at the sidebar of the same account.
    page.context.request.post(f"{path}/delete", headers={"Origin": server.url})


@pytest.mark.slow
def test_a_chat_is_dragged_into_a_project_and_out_again(server: Server, upstream: Upstream, visit: Visit) -> None:
    person = visit(server)
    answered(person, upstream, "A chat for the mill", "Fine.")
    answered(person, upstream, "Another chat", "Fine.")
    page = person.open("/projects")
    new_project(page, "Mill")
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
        # In a scaled page, a box can be a millionth of a pixel smaller.
        assert round(min(box["width"], box["height"]), 3) >= 44
