"""Deleting a message also deletes those that follow, which the page states; both Undo and the trash restore it in place."""

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.chats import ChatPage, deed_of, press
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import overflows, violations
from tests.browser.ways import in_every_way
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow


def six_messages(visit: Visit, server: Server, upstream: Upstream, **way: Any) -> ChatPage:
    upstream.says("Fine.")
    chat = visit(server, **way).begin("The first of three")
    chat.expect("completed")
    for number, words in enumerate(("The second", "The third"), 2):
        chat.box.fill(words)
        chat.send.click()
        expect(chat.page.locator("article")).to_have_count(2 * number)
        chat.expect("completed")
    return chat


def delete_first_answer(chat: ChatPage) -> None:
    answer = chat.page.locator("article[data-role=assistant]").first
    deed_of(answer, "Delete").click()
    expect(chat.page.locator("article")).to_have_count(1)


def row_in_trash(page: Page) -> Locator:
    page.goto("/chats/trash")
    return page.get_by_role("region", name="Messages").get_by_role("listitem").first


@in_every_way
def test_it_says_what_went_and_brings_it_back(way: dict[str, Any], server: Server, visit: Visit, upstream: Upstream) -> None:
    chat = six_messages(visit, server, upstream, **way)
    page, path, cut = chat.page, chat.path, chat.page.locator("#cut")
    delete_first_answer(chat)
    expect(page.get_by_text("Deleted, with the 4 messages after it.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("article")).to_have_count(6)

    delete_first_answer(chat)
    page.goto(path)
    expect(cut).to_contain_text("5 messages were deleted here.")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("article")).to_have_count(6)

    delete_first_answer(chat)
    row = row_in_trash(page)
    expect(row).to_contain_text("An answer, with the 4 messages after it, in “The first of three”")
    press(page, row.get_by_role("button", name="Restore"))
    expect(page.locator("article")).to_have_count(6)

    delete_first_answer(chat)
    row = row_in_trash(page)
    rows = page.get_by_role("region", name="Messages").get_by_role("listitem").filter(has_text="with the 4 messages")
    before = rows.count()
    press(page, row.get_by_role("button", name="Delete permanently"))
    expect(rows).to_have_count(before - 1)
    page.goto(path)
    expect(page.locator("article")).to_have_count(1)
    expect(cut).to_have_text("")


def test_every_tab_sees_it_go_and_come_back(server: Server, visit: Visit, upstream: Upstream) -> None:
    chat = six_messages(visit, server, upstream)
    person = visit(server)
    other = person.look_at(chat)
    there = other.page.locator("#cut")
    delete_first_answer(chat)
    expect(there).to_contain_text("5 messages were deleted here.")
    expect(other.page.locator("article")).to_have_count(1)
    there.get_by_role("button", name="Undo").click()
    for page in (chat.page, other.page):
        expect(page.locator("article")).to_have_count(6)
    expect(there).to_have_text("")

    delete_first_answer(chat)
    # A toast stays while the pointer is on it.
    chat.page.locator("#toasts .toast").last.hover()
    trash = person.open("/chats/trash")
    press(trash, row_in_trash(trash).get_by_role("button", name="Delete permanently"))
    expect(there).to_have_text("")
    chat.page.locator("#toasts").get_by_role("button", name="Undo").last.click()
    expect(chat.page.locator("#toasts")).to_contain_text("Page not found")


def test_the_line_and_the_trash_can_be_read_anywhere(server: Server, visit: Visit, upstream: Upstream) -> None:
    chat = six_messages(visit, server, upstream)
    delete_first_answer(chat)
    for path in (chat.path, "/chats/trash"):
        chat.page.goto(path)
        expect(chat.page.get_by_role("main").get_by_text("deleted").first).to_be_visible()
        assert violations(chat.page) == []
        assert overflows(chat.page) == []
