"""The buttons of messages: drawn by a script from one template, and behind a link without scripts."""

from playwright.sync_api import expect

from tests.browser.chats import press
from tests.browser.conftest import Visit
from tests.support.server import Server
from tests.upstream.handle import Upstream

DEEDS = ("Copy as text", "Edit", "Branch into new chat", "Exclude from context", "Good answer", "Bad answer", "Delete")


def test_they_are_drawn_beside_each_message(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("A weir is a low dam.")
    chat = visit(server).begin("What is a weir?")
    chat.expect("completed")
    mine = chat.page.locator("article[data-role=user] .actions")
    for name in ("Copy", "Edit", "Exclude from context"):
        expect(mine.get_by_role("button", name=name)).to_have_count(1)
    for name in ("Copy", "Try again", "More"):
        expect(chat.answer.get_by_role("button", name=name, exact=True)).to_have_count(1)
    # The menu is drawn when it is opened.
    expect(chat.answer.locator(".deeds button")).to_have_count(0)
    for name in DEEDS:
        expect(chat.deed(name)).to_be_visible()


def test_a_rating_is_there_again_after_updates_and_a_reload(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("A weir is a low dam.")
    chat = visit(server).begin("What is a weir?")
    chat.expect("completed")
    chat.deed("Good answer").click()
    expect(chat.deed("Good answer")).to_have_attribute("aria-pressed", "true")
    chat.page.reload()
    # Hiding draws the message again on every page that shows it.
    chat.deed("Exclude from context").click()
    expect(chat.answer).to_contain_text("Excluded from context")
    expect(chat.deed("Include in context")).to_be_visible()
    expect(chat.deed("Good answer")).to_have_attribute("aria-pressed", "true")


def test_without_scripts_a_link_leads_to_them(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("A weir is a low dam.")
    chat = visit(server, java_script_enabled=False).begin("What is a weir?")
    chat.expect("completed")
    page, link = chat.page, chat.answer.get_by_role("link", name="Actions")
    press(page, link)
    expect(page.locator(".message-text")).to_contain_text("low dam")
    for name in ("Try again", "Edit", *DEEDS[2:]):
        expect(page.get_by_role("button", name=name)).to_be_visible()
    press(page, page.get_by_role("button", name="Exclude from context"))
    expect(chat.answer).to_contain_text("Excluded from context")
