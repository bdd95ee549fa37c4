"""The list of chats, as a person keeps it: rename, pin, archive, search, trash, undo."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chats import Person
from tests.browser.conftest import Visit
from tests.browser.ways import in_every_way
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow


def chosen(page: Page, path: str, name: str) -> None:
    """What the menu of a chat offers."""
    page.goto(path)
    page.locator(".top").get_by_role("button", name="More").click()
    page.get_by_role("button", name=name, exact=True).click()
    page.wait_for_load_state()


def listed(person: Person, path: str = "/chats") -> Page:
    page = person.context.pages[-1]
    page.goto(path)
    return page


@in_every_way
def test_a_chat_is_named_kept_found_and_thrown_away(
    way: dict[str, Any], server: Server, visit: Visit, upstream: Upstream, request: pytest.FixtureRequest
) -> None:
    word = f"heron{request.node.callspec.id.replace(' ', '')}"
    upstream.says(f"A {word} stands in the **shallow water** and waits.")
    person = visit(server, **way)
    chat = person.begin("What stands there?")
    chat.expect("completed")
    page, path = chat.page, chat.path
    title = f"The bird {word}"

    page.get_by_role("heading", level=1).get_by_role("link").click()
    page.get_by_role("textbox", name="Title").fill(title)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)

    chosen(page, path, "Pin")
    expect(listed(person).get_by_role("region", name="Pinned").get_by_role("link", name=title)).to_be_visible()
    chosen(page, path, "Unpin")

    chosen(page, path, "Archive")
    expect(listed(person).get_by_role("main").get_by_role("link", name=title)).to_have_count(0)
    expect(listed(person, "/chats?show=archived").get_by_role("main").get_by_role("link", name=title)).to_be_visible()
    chosen(page, path, "Take out of the archive")

    listed(person).get_by_role("main").get_by_role("searchbox").fill(word)
    page.get_by_role("main").get_by_role("button", name="Find").click()
    expect(page.get_by_role("region", name="Titles").get_by_role("link")).to_have_count(1)
    expect(page.get_by_role("region", name="Messages")).to_contain_text("waits.")
    page.get_by_role("region", name="Messages").get_by_role("link").first.click()
    expect(page.locator("article .message-text").last).to_contain_text(word)

    chosen(page, path, "Delete chat")
    expect(page.get_by_role("main").get_by_role("status")).to_contain_text("is in the trash")
    page.get_by_role("button", name="Undo").click()
    chosen(page, path, "Delete chat")
    row = listed(person, "/chats/trash").get_by_role("main").get_by_role("listitem").filter(has_text=title)
    row.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_role("main").get_by_text(title)).to_have_count(0)
    assert page.goto(path).status == 404  # type: ignore[union-attr]


def test_every_open_page_hears_of_it(server: Server, visit: Visit, upstream: Upstream) -> None:
    upstream.counts(60, pace=0.03)
    person = visit(server)
    elsewhere = person.open("/")
    chat = person.begin("A quiet count")
    row = elsewhere.locator("#rail-chats").get_by_role("link", name="A quiet count")
    expect(row.get_by_title("answering")).to_be_visible()
    chat.expect("completed")
    expect(row.get_by_title("answering")).to_have_count(0)
    chosen(chat.page, chat.path, "Delete chat")
    expect(row).to_have_count(0)
