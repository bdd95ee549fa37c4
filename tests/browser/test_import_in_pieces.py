"""A large archive in a real browser: sent in pieces, continued after a break and a reload, and read while the page is open."""

import random
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Visit
from tests.chat.archives.archive import archived, chat, picture, pointer
from tests.support.server import Server

pytestmark = pytest.mark.slow


def choose(page: Page, path: Path) -> None:
    page.get_by_label("Files").set_input_files(path)
    page.locator("main").get_by_role("button", name="Import", exact=True).click()


def test_a_large_archive_goes_on_after_a_break(server: Server, visit: Visit, tmp_path: Path) -> None:
    path, sent = tmp_path / "chatgpt.zip", list[str]()
    files = {f"{pointer(1)}-sanitized.jpeg": picture(1), "other.bin": random.Random(1).randbytes(9_000_000)}
    archived([chat(number, pictures={0: number}) for number in range(2)], files.items(), path)

    def break_off(route: Route) -> None:
        sent.append(route.request.url)
        route.continue_() if len(sent) == 1 else route.fulfill(status=503)

    page = visit(server, is_new=True).open("/import")
    page.route("**/pieces?*", break_off)
    choose(page, path)
    section = page.locator("main #import")
    expect(section.get_by_role("heading", name="chatgpt.zip")).to_be_visible()
    expect(section).to_contain_text("4 MB of")

    page.reload()
    expect(section).to_contain_text("4 MB of")
    page.unroute("**/pieces?*", break_off)
    choose(page, path)
    expect(section).to_contain_text("2 new chats, 8 new messages, 1 picture.")
    section.get_by_role("button", name="Close").click()
    expect(section.get_by_role("heading")).to_have_count(0)
