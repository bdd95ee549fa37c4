"""A chat's settings, next to the chat: each field is saved as it is left, and taken back; without scripts there is one form."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.chats import ChatPage, Person, press
from tests.browser.conftest import Visit
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 800}


def begun(server: Server, upstream: Upstream, visit: Visit, **options: object) -> tuple[Person, ChatPage]:
    upstream.says("Ready.")
    person = visit(server, viewport=DESK, **options)
    chat = person.begin("Are you ready?")
    chat.expect("completed")
    return person, chat


def open_settings(page: Page) -> Page:
    page.get_by_role("button", name="Chat settings").click()
    expect(instructions(page)).to_be_visible()
    return page


def instructions(page: Page) -> Locator:
    return page.get_by_label("Instructions", exact=True)


def box(page: Page, field: str) -> Locator:
    return page.locator(f"[data-saves={field}]")


def test_each_field_is_saved_as_it_is_left_and_taken_back(server: Server, upstream: Upstream, visit: Visit) -> None:
    _, chat = begun(server, upstream, visit)
    page = open_settings(chat.page)
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_hidden()
    expect(page.get_by_role("button", name="Undo all")).to_be_hidden()

    # A text after a pause, while the caret is still in it; a number when it is left.
    instructions(page).press_sequentially("Rhyme.")
    expect(box(page, "system_prompt").locator(".saves__done")).to_have_text("Saved")
    expect(instructions(page)).to_be_focused()
    page.get_by_label("Creativity").fill("1.7")
    page.get_by_label("Creativity").press("Tab")
    expect(box(page, "temperature").locator(".saves__done")).to_have_text("Saved")
    expect(page.locator(".creativity output")).to_have_text("Wild")

    # One step back for a field; all steps at once.
    page.get_by_role("button", name="Undo Creativity").click()
    expect(page.get_by_label("Creativity")).to_have_value("")
    expect(page.locator(".creativity output")).to_have_text("Default")
    instructions(page).fill("Rhyme twice.")
    page.get_by_role("slider").press("Home")
    expect(page.get_by_label("Creativity")).to_have_value("0")
    expect(box(page, "temperature").get_by_role("button", name="Reset")).to_be_visible()
    page.get_by_role("button", name="Undo all").click()
    expect(instructions(page)).to_have_value("")
    expect(page.get_by_label("Creativity")).to_have_value("")
    page.reload()
    expect(instructions(open_settings(page))).to_have_value("")


def test_a_refused_value_says_so_at_its_field_and_is_not_saved(server: Server, upstream: Upstream, visit: Visit) -> None:
    person, chat = begun(server, upstream, visit)
    page = open_settings(chat.page)
    page.locator("summary", has_text="Advanced").click()
    tokens = page.get_by_label("Max tokens")
    tokens.fill("boiling")
    tokens.press("Enter")
    expect(tokens).to_have_attribute("aria-invalid", "true")
    expect(tokens).to_be_focused()
    expect(page.locator("#prompts-changed")).to_be_empty()
    # Other fields are saved all the same, and what was refused is not lost without a word.
    page.get_by_label("History limit").fill("7")
    page.get_by_label("History limit").press("Tab")
    expect(page.locator("#prompts-changed")).to_have_text("1 changed")
    page.keyboard.press("Escape")
    open_settings(page)
    expect(tokens).to_have_value("boiling")
    page.get_by_role("link", name="New chat").first.click()
    assert "/chats/" in page.url
    assert person.oddities == ["dialog: "]
    person.oddities.clear()

    # Beside the text, they stay open.
    expect(instructions(page)).to_be_visible()
    tokens.fill("90")
    tokens.press("Tab")
    expect(page.locator("#prompts-changed")).to_have_text("2 changed")
    page.get_by_role("button", name="Reset History limit").click()
    expect(page.get_by_label("History limit")).to_have_value("")
    expect(page.locator("#prompts-changed")).to_have_text("1 changed")


def test_what_could_not_be_saved_is_tried_again(server: Server, upstream: Upstream, visit: Visit) -> None:
    person, chat = begun(server, upstream, visit)
    page = open_settings(chat.page)
    page.route("**/prompts", lambda route: route.abort())
    instructions(page).fill("Rhyme.")
    instructions(page).press("Tab")
    expect(page.get_by_text("Not saved. Trying again…")).to_be_visible()
    page.unroute("**/prompts")
    expect(page.get_by_text("Not saved. Trying again…")).to_be_hidden()
    expect(box(page, "system_prompt").locator(".saves__done")).to_have_text("Saved")
    expect(instructions(open_settings(person.look_at(chat).page))).to_have_value("Rhyme.")


def test_another_tab_follows_and_overwrites_nothing(server: Server, upstream: Upstream, visit: Visit) -> None:
    person, chat = begun(server, upstream, visit)
    page, other = open_settings(chat.page), open_settings(person.look_at(chat).page)
    instructions(page).fill("Rhyme.")
    page.get_by_label("Creativity").fill("0.4")
    page.get_by_label("Creativity").press("Tab")
    expect(instructions(other)).to_have_value("Rhyme.")
    expect(other.get_by_label("Creativity")).to_have_value("0.4")

    # What is being typed in one tab stays, whatever is saved in the other.
    other.bring_to_front()
    instructions(other).press_sequentially(" A lot.")
    page.get_by_label("Creativity").fill("0.6")
    page.get_by_label("Creativity").press("Tab")
    expect(instructions(page)).to_have_value("Rhyme. A lot.")
    expect(other.get_by_label("Creativity")).to_have_value("0.6")
    expect(instructions(other)).to_have_value("Rhyme. A lot.")


def test_a_page_that_is_left_at_once_has_saved(server: Server, upstream: Upstream, visit: Visit) -> None:
    person, chat = begun(server, upstream, visit)
    page = open_settings(chat.page)
    instructions(page).fill("Rhyme.")
    with page.expect_request(lambda request: request.method == "POST" and request.url.endswith("/prompts")):
        page.get_by_role("link", name="New chat").first.click()
    page.wait_for_url(f"{person.url}/")
    page.go_back()
    expect(instructions(open_settings(page))).to_have_value("Rhyme.")


def test_without_scripts_one_form_saves_all(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("Ready.")
    chat = visit(server, viewport=PHONE, java_script_enabled=False).begin("Are you ready?")
    chat.expect("completed")
    page = chat.page
    press(page, page.get_by_role("link", name="Chat settings"))
    expect(page.get_by_text("Persona")).to_have_count(0)
    instructions(page).fill("Rhyme.")
    page.locator("summary", has_text="Advanced").click()
    page.get_by_label("Max tokens").fill("90")
    # Enter saves, and resets nothing.
    page.get_by_label("Max tokens").press("Enter")
    page.wait_for_url(lambda url: not url.endswith("/prompts"))
    press(page, page.get_by_role("link", name="Chat settings"))
    expect(page.locator("#prompts-changed")).to_have_text("1 changed")
    page.locator("summary", has_text="Advanced").click()
    press(page, page.get_by_role("button", name="Reset Max tokens"))
    expect(page.locator("#prompts-changed")).to_be_empty()
    expect(instructions(page)).to_have_value("Rhyme.")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_beside_the_text_they_stay_while_they_are_tried(server: Server, upstream: Upstream, visit: Visit) -> None:
    _, chat = begun(server, upstream, visit)
    page, settings = open_settings(chat.page), chat.page.locator("#tuning")
    instructions(page).fill("Rhyme.")
    chat.box.click()
    chat.text.click()
    expect(settings).to_be_visible()
    # Typing goes to the message box, and its keys work.
    page.keyboard.type("Again?")
    expect(chat.box).to_have_value("Again?")
    page.keyboard.press("Enter")
    expect(page.locator("#thread > article")).to_have_count(4)
    chat.expect("completed")
    expect(settings).to_be_visible()
    # A menu is closed first.
    chat.answer.get_by_role("button", name="More").click()
    page.keyboard.press("Escape")
    expect(settings).to_be_visible()
    page.keyboard.press("Escape")
    expect(settings).to_be_hidden()
    for closing in (lambda: page.keyboard.press("Escape"), lambda: settings.get_by_role("button", name="Close").click()):
        instructions(open_settings(page)).focus()
        closing()
        expect(settings).to_be_hidden()
        expect(page.get_by_role("button", name="Chat settings")).to_be_focused()


def test_over_the_text_of_a_phone_a_touch_beside_them_closes_them(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("Ready.")
    chat = visit(server, viewport=PHONE, has_touch=True).begin("Are you ready?")
    chat.expect("completed")
    page = open_settings(chat.page)
    page.touchscreen.tap(200, 40)
    expect(page.locator("#tuning")).to_be_hidden()
