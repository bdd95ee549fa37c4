"""What is there on every page, all day: help and places by key, a line when the network is gone, and paper."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.chats import press
from tests.browser.conftest import Visit
from tests.support.server import Server
from tests.upstream.handle import Upstream

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def test_a_question_mark_shows_the_keys_but_not_to_who_is_typing(server: Server, visit: Visit) -> None:
    page = visit(server).open("/")
    sheet = page.get_by_role("dialog", name="Help")
    page.get_by_role("textbox", name="Message").press("?")
    expect(page.get_by_role("textbox", name="Message")).to_have_value("?")
    expect(sheet).to_have_count(0)

    link = page.get_by_role("link", name="New chat").first
    link.focus()
    page.keyboard.press("?")
    expect(sheet).to_contain_text("Send the message")
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(link).to_be_focused()
    page.keyboard.press("?")
    sheet.get_by_role("button", name="Close").click()
    expect(sheet).to_be_hidden()


def test_the_palette_searches_and_goes_places(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("A weir holds water back.")
    person = visit(server)
    chat = person.begin("What does a weir do?")
    chat.expect("completed")
    page = chat.page
    page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog", name="Search, or go to")
    box = palette.get_by_role("searchbox")
    expect(box).to_be_focused()
    page.keyboard.type("fingerprint of the encryption")
    expect(palette.get_by_role("link")).to_have_count(0)
    box.fill("rotate")
    expect(palette.get_by_role("link")).to_have_text("Keys")
    box.fill("weir")
    expect(palette.get_by_role("link", name="What does a weir do?").first).to_be_visible()
    palette.get_by_role("button", name="Search chats").click()
    page.wait_for_url("**/chats?q=weir")
    expect(page.get_by_role("main")).to_contain_text("holds water back")
    page.keyboard.press("Meta+k")
    box.fill("holds water")
    box.press("Enter")
    page.wait_for_url("**/chats?q=holds+water")
    page.keyboard.press("Meta+k")
    box.fill("account")
    palette.get_by_role("link", name="Your account").click()
    page.wait_for_url("**/account")


def test_in_the_palette_enter_opens_the_first_hit_and_arrows_move(server: Server, visit: Visit) -> None:
    page = visit(server).open("/account")
    page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog", name="Search, or go to")
    box, links = palette.get_by_role("searchbox"), palette.get_by_role("link")
    box.fill("e")
    page.keyboard.press("ArrowDown")
    expect(links.first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(links.nth(1)).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(box).to_be_focused()
    box.fill("hea")
    expect(links).to_have_text("Health")
    box.press("Enter")
    page.wait_for_url("**/admin/health")


@pytest.mark.parametrize("look", [{}, PHONE], ids=["desk", "phone"])
def test_without_scripts_both_are_pages(server: Server, visit: Visit, look: dict[str, object]) -> None:
    page = visit(server, java_script_enabled=False, **look).open("/chats")
    if look:
        page.get_by_role("button", name="Chats").click()
    press(page, page.get_by_role("link", name="Help"))
    expect(page.get_by_role("heading", name="Help")).to_be_visible()
    expect(page.get_by_role("button", name="Close", exact=True)).to_have_count(0)

    page.goto("/palette")
    page.get_by_role("searchbox", name="Search chats and places").fill("kingfisher")
    press(page, page.get_by_role("button", name="Search chats"))
    expect(page).to_have_url(re.compile(r"/chats\?q=kingfisher$"))


def test_a_line_says_that_the_network_is_gone_and_leaves_when_it_is_back(server: Server, visit: Visit) -> None:
    person = visit(server)
    page = person.open("/settings")
    line = page.get_by_text("There is no network.")
    expect(line).to_be_hidden()
    person.context.set_offline(True)
    expect(line).to_be_visible()
    person.context.set_offline(False)
    expect(line).to_be_hidden()


def test_on_paper_a_chat_is_its_text_alone(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("Water turns the wheel.\n\n```\n" + "a long line of code " * 20 + "\n```")
    chat = visit(server).begin("What turns the wheel?")
    chat.expect("completed")
    page = chat.page
    page.emulate_media(media="print", color_scheme="dark")
    page.set_viewport_size({"width": 700, "height": 1000})

    expect(page.locator(".top h1")).to_be_visible()
    expect(chat.text).to_be_visible()
    for gone in (page.locator("#rail"), page.locator("#composer-box"), chat.answer.locator(".actions"), page.locator(".skip")):
        expect(gone.first).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
    code = chat.text.locator("pre")
    assert code.evaluate("code => code.scrollWidth <= code.clientWidth + 1")
    assert page.evaluate("getComputedStyle(document.querySelector('.message'), '::before').content") == '"You"'


def test_a_phone_can_keep_it_as_an_app(server: Server, visit: Visit) -> None:
    page = visit(server, **PHONE).open("/")
    manifest = page.request.get(page.locator("link[rel=manifest]").get_attribute("href") or "").json()

    assert (manifest["name"], manifest["start_url"], manifest["display"]) == ("Millrace", "/", "standalone")
    for icon in manifest["icons"]:
        assert page.request.get(icon["src"]).ok
