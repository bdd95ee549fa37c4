"""A chat between people and between servers: shared for reading and writing, exported to a file and imported again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.chats import PASSWORD, ChatPage, Person, press, reload
from tests.browser.conftest import Visit
from tests.browser.test_chat_list import chosen
from tests.browser.ways import in_every_way
from tests.support.inserted import add_member
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
COLLEAGUE, NAME = "grace@example.org", "grace (grace@example.org)"


@pytest.fixture(scope="module")
def colleague(shared: Server) -> str:
    add_member(shared, COLLEAGUE)
    return COLLEAGUE


@pytest.fixture
def grace(chromium: Browser, server: Server, colleague: str) -> Iterator[Person]:
    person = Person(chromium, server.url)
    page = person.open("/login")
    page.get_by_label("Email").fill(colleague)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{server.url}/")
    yield person
    person.leave()
    assert not person.oddities


def share(page: Page, path: str, right: str) -> None:
    page.goto(f"{path}/people")
    page.get_by_label("Person or group").select_option(label=NAME)
    page.get_by_label("Access").select_option(right)
    press(page, page.get_by_role("button", name="Share", exact=True))


@in_every_way
def test_a_colleague_watches_and_then_writes(
    way: dict[str, Any], server: Server, visit: Visit, upstream: Upstream, grace: Person
) -> None:
    upstream.says("One")
    mine = visit(server, **way).begin("First")
    mine.expect("completed")
    path = mine.path
    assert grace.open(path).get_by_text("Page not found").count() == 1

    share(mine.page, path, "view")
    hers = ChatPage(grace.open(path))
    expect(hers.text).to_have_text("One")
    expect(hers.box).to_have_count(0)
    upstream.counts(40, pace=0.02)
    mine.page.goto(path)
    mine.box.fill("Count")
    mine.send.click()
    hers.wait_for("w000040")

    share(mine.page, path, "write")
    reload(hers.page)
    upstream.says("Three")
    hers.ask("Second")
    hers.expect("completed")
    mine.page.goto(path)
    expect(mine.text).to_have_text("Three")
    expect(mine.page.locator("article[data-role=user]").last).to_contain_text("grace")
    if way.get("java_script_enabled", True):
        # The arrow opens the last message of one's own.
        mine.box.press("ArrowUp")
        expect(mine.page.locator(".edit textarea")).to_have_value("Count")
        mine.page.keyboard.press("Escape")
    # In print each message already begins with its author's name.
    mine.page.emulate_media(media="print")
    expect(mine.page.locator(".author").last).to_be_hidden()
    mine.page.emulate_media(media="screen")

    mine.page.goto(f"{path}/people")
    press(mine.page, mine.page.get_by_role("button", name="Remove").first)
    assert grace.open(path).get_by_text("Page not found").count() == 1


@in_every_way
def test_a_chat_goes_out_and_comes_back_once(
    way: dict[str, Any], server: Server, visit: Visit, upstream: Upstream, tmp_path: Path
) -> None:
    upstream.says("**One** and `two`")
    chat = visit(server, **way).begin("A chat to take along")
    chat.expect("completed")
    page = chat.page
    files = {}
    for name in ("Markdown", "JSON", "web page"):
        page.locator(".top").get_by_role("button", name="More").click()
        for fold in ("#chat-rare", "#chat-rare details"):
            if page.locator(fold).get_attribute("open") is None:
                page.locator(f"{fold} > summary").click()
        with page.expect_download() as download:
            page.get_by_role("link", name=f"Export as {name}").click()
        files[name] = tmp_path / name
        download.value.save_as(files[name])
        page.keyboard.press("Escape")
    assert "**One** and `two`" in files["Markdown"].read_text()
    assert "<strong>One</strong>" in files["web page"].read_text()

    chosen(page, chat.path, "Delete chat")
    page.goto("/chats/trash")
    row = page.get_by_role("main").get_by_role("listitem").filter(has_text="A chat to take along").first
    press(page, row.get_by_role("button", name="Delete permanently"))
    for outcome in ("1 new chat, 2 new messages", "Nothing new"):
        page.goto("/import")
        page.get_by_label("File").set_input_files(files["JSON"])
        press(page, page.get_by_role("button", name="Import"))
        expect(page.get_by_role("main").get_by_role("status")).to_contain_text(outcome)
