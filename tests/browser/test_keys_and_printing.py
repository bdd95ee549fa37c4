"""Features of every page: help and navigation by key, a notice when the network is gone, and printing."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.chats import press
from tests.browser.conftest import Visit
from tests.support.server import Server
from tests.upstream.handle import Upstream

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def long_cells(columns: int) -> str:
    """Returns a table whose cells contain words of thirty-six letters, as file and function names do."""
    rows = (["file"] * columns, ["---"] * columns, ["a_rather_long_name_that_has_no_break"] * columns)
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def test_a_number_sign_opens_what_a_chat_reads_from_but_not_to_who_is_typing(server: Server, visit: Visit) -> None:
    page = visit(server).open("/")
    box = page.get_by_role("textbox", name="Message")
    box.fill("Hello")
    box.press("Enter")
    sheet = page.get_by_role("dialog", name="Chat settings")
    page.wait_for_url("**/chats/*")
    box.press("#")
    expect(box).to_have_value("#")
    expect(sheet).to_be_hidden()

    page.get_by_role("link", name="New chat").first.focus()
    page.keyboard.press("#")
    expect(sheet).to_be_visible()


def test_a_question_mark_shows_the_keys_but_not_to_who_is_typing(server: Server, visit: Visit) -> None:
    page = visit(server).open("/")
    sheet = page.get_by_role("dialog", name="Help")
    page.get_by_role("textbox", name="Message").press("?")
    expect(page.get_by_role("textbox", name="Message")).to_have_value("?")
    expect(sheet).to_have_count(0)

    link = page.get_by_role("link", name="New chat").first
    link.focus()
    page.keyboard.press("?")
    expect(sheet).to_contain_text("Send message")
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(link).to_be_focused()
    page.keyboard.press("?")
    sheet.get_by_role("button", name="Close").click()
    expect(sheet).to_be_hidden()


@pytest.mark.mostly_deep
@pytest.mark.parametrize("look", [{}, PHONE], ids=["desk", "phone"])
def test_without_scripts_both_are_pages(server: Server, visit: Visit, look: dict[str, object]) -> None:
    page = visit(server, java_script_enabled=False, **look).open("/chats")
    if look:
        page.get_by_role("button", name="Chats").click()
    page.get_by_role("button", name="account menu").click()
    press(page, page.get_by_role("link", name="Help"))
    expect(page.get_by_role("heading", name="Help")).to_be_visible()
    expect(page.get_by_role("button", name="Close", exact=True)).to_have_count(0)

    page.goto("/search")
    page.get_by_role("searchbox", name="Search everything").fill("kingfisher")
    press(page, page.get_by_role("main").get_by_role("button", name="Search"))
    expect(page).to_have_url(re.compile(r"/chats\?q=kingfisher$"))


def test_a_line_says_that_the_network_is_gone_and_leaves_when_it_is_back(server: Server, visit: Visit) -> None:
    person = visit(server)
    page = person.open("/settings")
    line = page.get_by_text("You're offline.")
    expect(line).to_be_hidden()
    person.context.set_offline(True)
    expect(line).to_be_visible()
    person.context.set_offline(False)
    expect(line).to_be_hidden()


def test_to_rename_a_chat_leaves_the_page_where_it_is(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("One line of many.\n\n" * 60)
    chat = visit(server).begin("How are lines written?")
    chat.expect("completed")
    page = chat.page
    page.evaluate("scrollTo({top: 900, behavior: 'instant'})")
    # By its coordinates, as a click on a locator scrolls.
    title = page.locator(".top__title").bounding_box()
    assert title
    page.mouse.click(title["x"] + 5, title["y"] + title["height"] / 2)
    expect(page.locator("#rename-title")).to_be_focused()
    assert page.evaluate("scrollY") == 900
    page.keyboard.press("Escape")
    expect(page.locator(".top__title")).to_be_focused()
    assert page.evaluate("scrollY") == 900


def test_the_menu_renames_in_place(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("Water turns the wheel.")
    chat = visit(server).begin("What turns the wheel?")
    chat.expect("completed")
    page, url = chat.page, chat.page.url
    page.locator("#chat-menu").get_by_role("button", name="More").click()
    page.locator("#chat-menu-list").get_by_role("link", name="Rename").click()
    expect(page.locator("#rename-title")).to_be_focused()
    expect(page.locator("#chat-menu-list")).to_be_hidden()
    assert page.url == url


def test_a_click_on_blank_space_draws_no_ring_around_the_page(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("Water turns the wheel.")
    chat = visit(server).begin("What turns the wheel?")
    chat.expect("completed")
    chat.page.mouse.click(1050, 400)
    chat.page.keyboard.press("ArrowRight")
    expect(chat.page.locator("#main")).to_be_focused()
    expect(chat.page.locator("#main")).to_have_css("outline-style", "none")


@pytest.mark.mostly_deep
@pytest.mark.parametrize("columns", [3, 7])
def test_no_cell_of_a_table_runs_into_the_next(server: Server, upstream: Upstream, visit: Visit, columns: int) -> None:
    upstream.says(long_cells(columns))
    chat = visit(server, **PHONE).begin("Which files?")
    chat.expect("completed")
    cells = chat.text.locator("td").all()
    assert len(cells) == columns
    assert not [cell.inner_text() for cell in cells if cell.evaluate("cell => cell.scrollWidth > cell.clientWidth + 1")]


def test_on_paper_a_chat_is_its_text_alone(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("Water turns the wheel.\n\n```\n" + "a long line of code " * 20 + "x" * 300 + "\n```\n\n" + long_cells(9))
    chat = visit(server).begin("What turns the wheel?")
    chat.expect("completed")
    page = chat.page
    page.emulate_media(media="print", color_scheme="dark")
    page.set_viewport_size({"width": 700, "height": 1000})

    expect(page.locator(".top h1")).to_be_visible()
    expect(chat.text).to_be_visible()
    for gone in (page.locator("#sidebar"), page.locator("#composer-box"), chat.answer.locator(".actions"), page.locator(".skip")):
        expect(gone.first).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
    code = chat.text.locator("pre")
    for box in (code, chat.text.locator(".table")):
        assert box.evaluate("box => box.scrollWidth <= box.clientWidth + 1")
        assert box.evaluate("box => getComputedStyle(box).backgroundImage") == "none"
    assert page.evaluate("getComputedStyle(document.querySelector('.message'), '::before').content") == '"You"'


def test_a_phone_can_keep_it_as_an_app(server: Server, visit: Visit) -> None:
    page = visit(server, **PHONE).open("/")
    manifest = page.request.get(page.locator("link[rel=manifest]").get_attribute("href") or "").json()

    assert (manifest["name"], manifest["start_url"], manifest["display"]) == ("Millrace", "/", "standalone")
    for icon in manifest["icons"]:
        assert page.request.get(icon["src"]).ok
