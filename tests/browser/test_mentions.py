"""`/`, `#` and `@` in the message box: the list at the caret, by key, pointer and screen reader, and what is chosen as chips."""

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.chats import ChatPage, Person, layout_shift, press, reload, until
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import LOOK, RULES
from tests.browser.ways import DESKTOP, NO_SCRIPTS, PHONE
from tests.support.server import ROOT, Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
REVIEW = "Look back at {{week: number}} in a {{tone: calm|brief}} tone."


def with_prompts(person: Person) -> Person:
    for key, text in (("zz-review", REVIEW), ("zz-hello", "Say hello.")):
        form = {"key": key, "text": text}
        person.context.request.post("/prompts", form=form, headers={"Origin": person.url}, max_redirects=0)
    return person


def with_collection(person: Person, name: str) -> None:
    headers = {"Origin": person.url}
    assert person.context.request.post("/knowledge", form={"name": name}, headers=headers, max_redirects=0).status == 303


def box(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Message")


def opened(person: Person, path: str = "/") -> Page:
    page = person.open(path)
    page.wait_for_load_state()
    # Another test's draft can be there.
    box(page).fill("")
    box(page).click()
    return page


def names(page: Page) -> list[str]:
    return page.locator("#mentions [role=option]:visible .mentions__name").all_inner_texts()


def chips(page: Page) -> Locator:
    return page.locator("#composer-mentions .chip__name")


def is_followed(page: Page, name: str) -> None:
    """Checks that screen readers are told which option is chosen, as they are of a list below a field."""
    active = page.get_by_role("option", selected=True)
    expect(active).to_contain_text(name)
    expect(box(page)).to_have_attribute("aria-activedescendant", active.get_attribute("id") or "")
    expect(box(page)).to_have_attribute("aria-controls", "mentions-list")


def test_a_prompt_is_named_and_its_fields_are_filled_in(server: Server, visit: Visit) -> None:
    page = opened(with_prompts(visit(server)))
    page.keyboard.type("/zz-")
    expect(page.get_by_role("option")).to_have_count(2)
    assert names(page) == ["/zz-hello", "/zz-review"]
    is_followed(page, "zz-hello")
    page.keyboard.press("ArrowDown")
    is_followed(page, "zz-review")
    page.evaluate((ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8"))
    assert page.evaluate(LOOK, RULES) == []
    page.keyboard.press("Enter")

    week = page.get_by_label("Week")
    expect(week).to_be_focused()
    expect(box(page)).to_have_value("")
    assert page.evaluate(LOOK, RULES) == []
    page.keyboard.type("soon")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Enter a number.")).to_be_visible()
    expect(week).to_be_focused()
    week.fill("47")
    page.get_by_label("Tone").select_option("calm")
    page.get_by_role("button", name="Insert").click()
    expect(box(page)).to_have_value("Look back at 47 in a calm tone.")
    expect(box(page)).to_be_focused()
    expect(page.locator("#composer-prompt form")).to_have_count(0)

    # What was chosen last comes first; Escape closes the list and leaves the text.
    page.keyboard.type(" /zz-")
    is_followed(page, "zz-review")
    page.keyboard.press("Escape")
    expect(page.locator("#mentions")).to_have_count(0)
    page.keyboard.type("h")
    expect(page.locator("#mentions")).to_have_count(0)
    expect(box(page)).to_have_value("Look back at 47 in a calm tone. /zz-h")
    page.keyboard.press("Control+A")
    page.keyboard.type("See and/or, 1/zz, ##, me@example.org /zz-nothing")
    page.wait_for_timeout(300)
    assert names(page) == []


def test_a_model_and_a_collection_become_chips(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("Ready.")
    person = visit(server)
    with_collection(person, "Tidal mills")
    chat = person.begin("Hello")
    chat.expect("completed")
    page = chat.page
    page.wait_for_load_state()
    box(page).click()
    page.keyboard.type("Read #tidal")
    is_followed(page, "Tidal mills")
    page.keyboard.press("Tab")
    expect(chips(page)).to_have_text(["Tidal mills"])
    expect(box(page)).to_have_value("Read ")
    expect(box(page)).to_be_focused()
    page.keyboard.type("@demo")
    option = page.get_by_role("option").first
    name = option.locator(".mentions__name").inner_text()
    with page.expect_response(lambda response: response.url.endswith("/draft") and "answered_by" in response.request.post_data):
        option.click()
        expect(chips(page)).to_have_text(["Tidal mills", name])

    # A draft keeps them, Backspace at the beginning takes the last one away.
    reload(page)
    expect(chips(page)).to_have_text(["Tidal mills", name])
    box(page).press("Home")
    page.keyboard.press("Backspace")
    expect(chips(page)).to_have_text(["Tidal mills"])
    expect(box(page)).to_have_value("Read ")
    page.keyboard.press("End")
    page.keyboard.type("this")
    upstream.says("Read it.")
    page.keyboard.press("Control+Enter")
    chat.wait_for("Read it.")
    expect(page.locator(".reads-from")).to_contain_text("Tidal mills")
    expect(chips(page)).to_have_count(0)
    assert layout_shift(page.evaluate("shifts")) <= 0.01


def test_a_thumb_chooses_and_the_list_stays_on_the_screen(server: Server, visit: Visit) -> None:
    page = opened(with_prompts(visit(server, **PHONE)))
    page.keyboard.type("A long line of words before /zz-")
    row = page.get_by_role("option").filter(has_text="zz-hello")
    expect(row).to_be_visible()
    frame = page.locator("#mentions").bounding_box()
    assert frame
    assert frame["x"] >= 0
    assert frame["x"] + frame["width"] <= 390
    size = row.bounding_box()
    assert size
    assert size["height"] >= 44
    row.tap()
    expect(box(page)).to_have_value("A long line of words before Say hello.")


@pytest.mark.parametrize("way", [DESKTOP, NO_SCRIPTS], ids=["desktop", "no scripts"])
def test_a_chosen_collection_is_a_field_of_the_form(
    server: Server, upstream: Upstream, visit: Visit, way: dict[str, object]
) -> None:
    upstream.says("Ready.")
    # At home, another test's draft of the same account can name something too, and the sidebar can have a project of this name.
    person = visit(server, is_new=True, **way)
    with_collection(person, "Eel ladders")
    home = person.open("/knowledge")
    home.locator("main").get_by_role("link", name="Eel ladders").click()
    home.get_by_role("link", name="Start a chat").click()
    expect(chips(home)).to_have_text(["Eel ladders"])
    box(home).fill("Hello")
    home.get_by_role("button", name="Send").click()
    home.wait_for_url("**/chats/*")
    expect(ChatPage(home).page.locator(".reads-from")).to_contain_text("Eel ladders")


def with_character(person: Person) -> Page:
    """Returns the home page of a person who has made the character Ottilie Marrow."""
    page = person.open("/characters/new")
    page.get_by_label("Name", exact=True).fill("Ottilie Marrow")
    page.get_by_label("Greeting").first.fill("You are late.")
    press(page, page.get_by_role("button", name="Create character"))
    return person.open("/")


def test_a_name_typed_before_the_script_is_there_counts_when_it_comes(server: Server, visit: Visit) -> None:
    person = visit(server, is_new=True, service_workers="block")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    person.context.route("**/js/later*", hold)
    page = with_character(person)
    box(page).click()
    page.keyboard.type("@otti")
    until(page, lambda: bool(held))
    expect(page.locator("#mentions")).to_have_count(0)
    for route in held:
        route.continue_()
    is_followed(page, "Ottilie Marrow")
    page.keyboard.press("Enter")
    expect(chips(page)).to_have_text(["Ottilie Marrow"])


def test_the_home_page_begins_a_chat_with_a_named_character(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("*Nods.* Evening.")
    # At home, the draft of everyone who has the same account is in the box.
    page = with_character(visit(server, is_new=True))
    box(page).click()
    page.keyboard.type("@otti")
    is_followed(page, "Ottilie Marrow")
    page.keyboard.press("Enter")
    expect(chips(page)).to_have_text(["Ottilie Marrow"])
    page.keyboard.type("Good evening")
    page.keyboard.press("Enter")

    page.wait_for_url("**/chats/**")
    expect(page.locator(".message")).to_have_count(3)
    expect(page.locator(".message-text").first).to_have_text("You are late.")
    expect(page.locator("#composer-text")).to_have_attribute("placeholder", "Reply to Ottilie Marrow…")
