"""The tree of a chat in its user interface: edit, try again, versions, delete and undo, a new chat from here."""

from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.chats import ChatPage, deed_of, press_while_it_refreshes
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import overflows, violations
from tests.browser.ways import in_every_way
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow


def question(chat: ChatPage) -> Locator:
    return chat.page.locator("article[data-role=user]").last


def is_desk(way: dict[str, Any]) -> bool:
    """Returns whether there is a pointer that can hover."""
    return not way.get("has_touch", False)


def says(chat: ChatPage, words: str) -> None:
    """Waits for the answer; without scripts the page reloads itself."""
    expect(chat.text).to_have_text(words)
    chat.expect("completed")


def with_another_model(chat: ChatPage, *, has_scripts: bool) -> None:
    """Tries again from the submenu, with the keyboard only; without scripts the models are on a separate page."""
    page = chat.page
    if not has_scripts:
        chat.answer.get_by_role("link", name="Actions").click()
        page.get_by_role("link", name="Another model").click()
        page.get_by_label("Try again with").select_option("demo/quick")
        page.get_by_role("button", name="Try again").click()
        return
    chat.answer.get_by_role("button", name="More").click()
    chat.answer.locator("summary", has_text="Another model").focus()
    page.keyboard.press("Enter")
    choice = chat.answer.locator(".menu__models [value='demo/quick']")
    expect(choice).to_be_in_viewport()
    assert not violations(page)
    assert not overflows(page)
    with page.expect_response(lambda response: response.request.method == "POST"):
        choice.press("Enter")


@in_every_way
def test_nothing_that_was_said_is_lost_by_moving_about(
    way: dict[str, Any], server: Server, visit: Visit, upstream: Upstream
) -> None:
    upstream.says("One")
    chat = visit(server, **way).begin("First")
    says(chat, "One")
    page, first = chat.page, chat.page.url

    upstream.says("Two")
    deed_of(question(chat), "Edit").click()
    page.locator("article").get_by_role("textbox", name="Message").fill("First, in other words")
    page.get_by_role("button", name="Send again", exact=True).click()
    says(chat, "Two")
    expect(question(chat)).to_contain_text("2 / 2")
    # Also without the pointer on the message, while its other buttons fade.
    page.mouse.move(1, 1)
    expect(question(chat).locator(".versions")).to_have_css("opacity", "1")
    if way.get("java_script_enabled", True):
        expect(question(chat).get_by_role("button", name="Edit")).to_have_css("opacity", "0" if is_desk(way) else "1")

    upstream.says("Three")
    chat.again.click()
    says(chat, "Three")
    chat.answer.get_by_role("button", name="Previous version").click()
    says(chat, "Two")

    upstream.says("Four")
    with_another_model(chat, has_scripts=way.get("java_script_enabled", True))
    expect(chat.answer.get_by_text("3 / 3")).to_be_visible(timeout=40_000)
    chat.expect("completed")
    expect(chat.answer.locator(".receipt")).to_contain_text("Demo")

    chat.deed("Delete").click()
    expect(chat.answer.get_by_text("2 / 2")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(chat.answer.get_by_text("3 / 3")).to_be_visible()

    question(chat).get_by_role("button", name="Previous version").click()
    says(chat, "One")
    expect(question(chat).locator(".message-text")).to_have_text("First")

    chat.deed("Branch into new chat").click()
    page.wait_for_url(lambda url: "/chats/" in url and url != first)
    expect(page.locator("article .message-text")).to_have_text(["First", "One"])


@pytest.mark.deep
@in_every_way
def test_what_was_stopped_goes_on(way: dict[str, Any], server: Server, visit: Visit, upstream: Upstream) -> None:
    upstream.counts(60, pace=0.05, holds=[10])
    chat = visit(server, **way).begin("Count")
    chat.wait_for("w000005")
    press_while_it_refreshes(chat.stop)
    chat.expect("stopped")
    upstream.counts(60)
    chat.go_on.click()
    chat.expect("completed")

    assert chat.raw().split() == [f"w{number:06}" for number in range(1, 61)]
