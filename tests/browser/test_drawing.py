"""Pictures that models draw, made by a command and changed by a sentence: with scripts and without, also on a phone."""

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.chats import ChatPage, load
from tests.browser.conftest import Visit, running
from tests.browser.test_accessibility import overflows, violations
from tests.browser.test_tools import DESK, PHONE
from tests.chat.test_files import drawn
from tests.support.server import Server
from tests.upstream.handle import Upstream
from tests.upstream.server import EDITS, PICTURES

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def equipped(upstream_process: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server with a model for pictures."""
    with running(tmp_path_factory.mktemp("drawing"), upstream_process, tools__picture_model="openai/gpt-image-1") as server:
        yield server


@pytest.fixture
def server(equipped: Server, upstream: Upstream) -> Server:
    for path, size in ((PICTURES, (600, 400)), (EDITS, (400, 600))):
        picture = {"data": [{"b64_json": b64encode(drawn(size=size)).decode()}], "usage": {"cost": 0.04}}
        upstream.always({"json": picture}, at=path)
    return equipped


# Their colours are looked at in both schemes.
@pytest.mark.parametrize("how", [DESK, PHONE], ids=["desk", "phone"])
def test_a_picture_is_made_and_changed(server: Server, visit: Visit, how: dict[str, Any]) -> None:
    chat = visit(server, **how).begin("/picture An otter in a mill pond")
    page = chat.page
    chat.expect("completed")
    first = chat.answer.locator(".message-text img")
    expect(first).to_have_js_property("naturalWidth", 600)
    chat.answer.locator(".message-text a:has(img)").click()
    page.locator("#lightbox").get_by_role("link", name="Edit this picture").click()
    panel = page.get_by_role("dialog", name="Edit this picture")
    wish = panel.get_by_role("textbox", name="What should change?")
    expect(wish).to_be_visible()
    expect(page.locator("#lightbox")).to_be_hidden()
    wish.fill("Make it night")
    assert violations(page) == []
    assert overflows(page) == []
    panel.get_by_role("button", name="Create new picture").click()
    expect(page.locator("article.message")).to_have_count(4)
    expect(page.locator("article.message").nth(2)).to_contain_text("Make it night")
    expect(page.locator("article.message").nth(3).locator(".message-text img")).to_have_js_property("naturalWidth", 400)
    expect(panel).to_be_hidden()
    assert overflows(page) == []


def test_the_command_is_listed_and_becomes_a_chip(server: Server, visit: Visit) -> None:
    page = visit(server, **DESK).open("/")
    box = page.get_by_role("textbox", name="Message")
    box.press_sequentially("/pic")
    option = page.get_by_role("option", name="/picture")
    expect(option).to_be_visible()
    box.press("Enter")
    expect(page.locator(".chip--mention")).to_contain_text("picture")
    box.press_sequentially("An otter")
    box.press("Enter")
    chat = ChatPage(page)
    chat.expect("completed")
    expect(chat.answer.locator(".message-text img")).to_have_js_property("naturalWidth", 600)


def test_without_scripts_it_is_a_page(server: Server, visit: Visit) -> None:
    chat = visit(server, **PHONE, java_script_enabled=False).begin("/picture An otter")
    page = chat.page
    chat.expect("completed")
    assert load(page, chat.answer.get_by_role("link", name="Actions")).ok
    assert load(page, page.get_by_role("link", name="Edit this picture")).ok
    page.get_by_role("textbox", name="What should change?").fill("Make it night")
    assert load(page, page.get_by_role("button", name="Create new picture")).ok
    expect(page.locator("article.message").nth(2)).to_contain_text("Make it night")
