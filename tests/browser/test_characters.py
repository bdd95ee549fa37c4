"""Characters in a real browser: on a phone and a desktop, with and without scripts, and their accessibility."""

import json
from io import BytesIO

import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Page, expect

from tests.browser.chats import ChatPage, Person, answers_asked, press
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import TWO_LOOKS, violations
from tests.characters.card_samples import V2, text_chunk, with_chunks
from tests.support.rounds import ROUNDS
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 800}


def chat_with(person: Person, name: str) -> ChatPage:
    page = person.open("/characters")
    press(page, page.get_by_role("button", name=f"Chat with {name}"))
    expect(page.locator("article")).not_to_have_count(0)
    return ChatPage(page)


def heard(upstream: Upstream) -> list[tuple[str, str]]:
    return [(turn["role"], turn["content"]) for turn in answers_asked(upstream.log())[-1]["body"]["messages"]]


def open_panel(page: Page) -> None:
    page.get_by_role("button", name="Chat settings").click()
    expect(page.locator("#chat-prompts")).to_be_visible()


def unfold(page: Page, title: str) -> None:
    page.locator("summary", has_text=title).click()


def test_what_was_typed_in_a_form_is_not_lost_without_a_word(server: Server, visit: Visit) -> None:
    person = visit(server)
    page = person.open("/characters/new")
    leave, asked = page.get_by_role("link", name="Characters").last, ["dialog: "]
    press(page, leave)
    assert person.oddities == []

    page.goto("/characters/new")
    page.get_by_label("Name", exact=True).press_sequentially("Ada")
    leave.click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Ada")
    assert person.oddities == asked
    page.get_by_label("Description", exact=True).fill("A mathematician.")
    # What is saved is not lost.
    press(page, page.get_by_role("button", name="Create character"))
    press(page, page.get_by_role("link", name="Characters").last)
    assert person.oddities == asked
    person.oddities.clear()


@pytest.mark.mostly_deep
@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_a_chat_with_a_character(server: Server, upstream: Upstream, visit: Visit, viewport: dict[str, int]) -> None:
    upstream.says("The gauge reads two metres ten.", pace=0.02)
    chat = chat_with(visit(server, viewport=viewport), "Hanne Voss")
    expect(chat.text).to_contain_text("What keeps you up?")

    open_panel(chat.page)
    unfold(chat.page, "Advanced")
    chat.page.get_by_label("Pre-prompt").fill("Stay calm.")
    chat.page.get_by_label("Pre-prompt").press("Tab")
    expect(chat.page.locator("#chat-prompts .saves__done")).to_have_text("Saved")
    chat.page.keyboard.press("Escape")
    expect(chat.page.locator("#tuning")).to_be_hidden()
    chat.ask("How high is the water?")
    chat.expect("completed")

    expect(chat.answer.locator(".speaker__name")).to_have_text("Hanne Voss")
    expect(chat.answer).to_have_attribute("aria-label", "Hanne Voss")
    sent = heard(upstream)
    assert sent[0][1].startswith("Stay calm.\n---\nYou are Hanne Voss")
    assert [role for role, _ in sent] == ["system", "assistant", "user"]
    assert chat.page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


@pytest.mark.mostly_deep
@pytest.mark.parametrize("has_scripts", [True, False], ids=["scripts", "no scripts"])
def test_beyond_the_last_version_there_is_a_new_one(server: Server, upstream: Upstream, visit: Visit, has_scripts: bool) -> None:
    upstream.behaves([{"says": "Two metres."}, {"says": "Three metres."}, {"says": "Four metres."}])
    chat = chat_with(visit(server, viewport=DESK, java_script_enabled=has_scripts), "Hanne Voss")
    expect(chat.answer.get_by_role("button", name="New version")).to_have_count(0)
    chat.box.fill("How high is the water?")
    chat.send.click()
    chat.wait_for("Two metres.")
    chat.expect("completed")
    chat.answer.get_by_role("button", name="New version").click()
    chat.wait_for("Three metres.")
    chat.expect("completed")
    expect(chat.answer).to_contain_text("2 / 2")
    chat.answer.get_by_role("button", name="Previous version").click()
    chat.wait_for("Two metres.")
    expect(chat.answer.get_by_role("button", name="New version")).to_have_count(0)
    if has_scripts:
        chat.box.blur()
        chat.page.keyboard.press("ArrowRight")
        chat.wait_for("Three metres.")
        # Pressed twice, it still starts one.
        chat.page.keyboard.press("ArrowRight")
        chat.page.keyboard.press("ArrowRight")
        chat.wait_for("Four metres.")
        expect(chat.answer).to_contain_text("3 / 3")
        expect(chat.page.locator(".toast")).to_have_count(0)


def test_the_list_follows_what_is_typed(server: Server, visit: Visit) -> None:
    page = visit(server).open("/characters")
    box = page.get_by_role("searchbox", name="Search characters")
    box.press_sequentially("maps places")

    expect(page.locator(".portrait")).to_have_count(1)
    expect(page.get_by_role("link", name="Ilario Quill", exact=True)).to_be_visible()
    expect(box).to_be_focused()
    box.fill("")
    expect(page.locator(".portrait")).not_to_have_count(1)


def test_a_portrait_changes_its_expression_with_the_answer(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("*She glares.* No.")
    person = visit(server)
    page = person.open("/characters/new")
    page.get_by_label("Name", exact=True).fill("Mira")
    page.get_by_label("Description", exact=True).fill("Mira keeps the pass.")
    page.get_by_label("Greeting").fill("Pass?\n\n- Let me in\n- Never mind")
    press(page, page.get_by_role("button", name="Create character"))
    press(page, page.get_by_role("link", name="Background and expressions"))
    file = BytesIO()
    Image.new("RGB", (60, 80), "teal").save(file, "PNG")
    pictures = [{"name": f"{name}.png", "mimeType": "image/png", "buffer": file.getvalue()} for name in ("anger", "neutral")]
    page.get_by_label("New background").set_input_files(files=pictures[:1])
    page.get_by_label("New expressions").set_input_files(files=pictures)
    press(page, page.get_by_role("button", name="Save", exact=True))
    press(page, page.get_by_role("link", name="Mira"))
    press(page, page.get_by_role("button", name="Chat with Mira"))
    press(page, page.get_by_role("button", name="Portrait"))
    picture = page.locator("#stage-picture")
    expect(picture).to_be_visible()
    expect(page.locator(".backdrop")).to_be_visible()
    assert not violations(page)
    neutral = picture.get_attribute("src")
    page.get_by_role("button", name="Let me in").click()

    expect(page.locator("article").last).to_have_attribute("data-status", "completed")
    expect(page.locator('article[data-role="user"]')).to_contain_text("Let me in")
    expect(picture).not_to_have_attribute("src", neutral or "")
    expect(page.locator(".picks__one")).to_have_count(0)
    answer = page.locator("article").last
    answer.get_by_role("button", name="More").click()
    answer.get_by_role("button", name="Delete", exact=True).click()
    # What is said below the messages is on the same veil, not on the bare picture.
    expect(page.locator("#cut")).to_contain_text("deleted here")
    veil = page.locator("#thread").evaluate("(thread) => getComputedStyle(thread).backgroundColor")
    expect(page.locator("#cut")).to_have_css("background-color", veil)


@pytest.mark.parametrize("has_scripts", [True, False])
def test_a_star_puts_a_character_first(server: Server, visit: Visit, has_scripts: bool) -> None:
    page = visit(server, java_script_enabled=has_scripts, viewport=PHONE).open("/characters")
    star = page.get_by_role("button", name="Favorite: Odalys Fenn")
    star.click()

    expect(star).to_have_attribute("aria-pressed", "true")
    page.reload()
    expect(page.locator(".portrait h2").first).to_have_text("Odalys Fenn")
    star.click()
    expect(star).to_have_attribute("aria-pressed", "false")


def test_without_scripts_everything_is_a_form(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("Aye.")
    person = visit(server, java_script_enabled=False, viewport=PHONE)
    page = person.open("/personas")
    unfold(page, "New persona")
    page.get_by_label("Name").fill("Jo")
    page.get_by_label("Who you are").fill("Jo sails.")
    page.get_by_label("Use in new chats with characters").check()
    press(page, page.get_by_role("button", name="Create persona"))
    page.goto("/characters/new")
    page.get_by_label("Name", exact=True).fill("Bo Without")
    page.get_by_label("Description", exact=True).fill("Bo keeps bees.")
    page.get_by_label("Greeting").fill("Mind the hive.")
    press(page, page.get_by_role("button", name="Create character"))
    press(page, page.get_by_role("button", name="Chat with Bo Without"))
    expect(page.locator(".message-text")).to_have_text("Mind the hive.")

    press(page, page.get_by_role("link", name="Chat settings"))
    unfold(page, "Advanced")
    page.get_by_label("Post-history instructions").fill("Buzz.")
    press(page, page.get_by_role("button", name="Save", exact=True))
    page.get_by_role("textbox", name="Message").fill("How many?")
    press(page, page.get_by_role("button", name="Send"))

    expect(page.locator("article")).to_have_count(3)
    expect(page.locator("article").last).to_have_attribute("data-status", "completed")
    expected = [("system", "Bo keeps bees.\n---\nJo sails."), ("assistant", "Mind the hive."), ("system", "Buzz.")]
    assert heard(upstream) == [*expected, ("user", "How many?")]
    page.goto("/characters")
    press(page, page.get_by_role("link", name="Bo Without", exact=True))
    press(page, page.get_by_role("button", name="Delete character"))
    press(page, page.get_by_role("button", name="Undo"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Bo Without")


@pytest.mark.parametrize("has_scripts", [True, False], ids=["scripts", "no scripts"])
def test_the_parts_of_a_card_are_edited_one_by_one(server: Server, visit: Visit, has_scripts: bool) -> None:
    person = visit(server, viewport=PHONE, java_script_enabled=has_scripts)
    page, file = person.open("/characters/import"), BytesIO()
    Image.effect_noise((1_600, 1_600), 90).convert("RGB").save(file, "PNG")
    card = {**V2, "data": {**V2["data"], "name": f"Mara {has_scripts}"}}
    picture = with_chunks(text_chunk(b"chara", card), picture=file.getvalue())
    page.get_by_label("Card files").set_input_files(FilePayload(name="mara.png", mimeType="image/png", buffer=picture))
    press(page, page.get_by_role("button", name="Import"))
    press(page, page.get_by_role("link", name=f"Mara {has_scripts}").first)
    expect(page.locator(".sitter__portrait")).to_be_visible()

    press(page, page.get_by_role("link", name="Edit", exact=True))
    expect(page.get_by_label("Personality", exact=True)).to_have_value("Curt.")
    page.get_by_label("Scenario", exact=True).fill("A mill at dawn.")
    unfold(page, "More")
    expect(page.get_by_label("Character's note", exact=True)).to_have_value("Rye.")
    page.get_by_label("Talkativeness", exact=True).fill("0.9")
    # Without scripts, axe doesn't run either.
    assert not has_scripts or violations(page) == []
    press(page, page.get_by_role("button", name="Save"))

    expect(page.locator("#told ~ .part pre").first).to_contain_text("Scenario:\nA mill at dawn.")


def lorebook_of(person: Person) -> list[Page]:
    """Opens a lorebook with an entry, and the entry."""
    book, entry = (person.open("/lorebooks") for _ in range(2))
    for page in (book, entry):
        # Open if there are no lorebooks yet.
        if page.locator("summary", has_text="New lorebook").is_visible():
            unfold(page, "New lorebook")
        page.get_by_label("Name", exact=True).fill("The valley")
        page.get_by_role("button", name="Create lorebook").click()
        page.get_by_role("link", name="New entry").click()
        page.get_by_label("Keys", exact=True).fill("mill")
        page.get_by_label("Content").fill("The mill burnt down.")
        page.get_by_role("button", name="Create entry").click()
        page.locator("details.part summary").click()
    entry.get_by_role("link", name="Edit mill").click()
    for more in entry.locator("details.folded summary").all():
        more.click()
    return [book, entry]


def listed(person: Person) -> list[Page]:
    """Opens pages that test_accessibility.py finds, too."""
    pages = [person.open(path) for path in ("/characters", "/characters/new", "/personas", "/lorebooks", "/characters")]
    pages[-1].get_by_role("link", name="Ilario Quill").click()
    expect(pages[-1].get_by_role("heading", level=1)).to_have_text("Ilario Quill")
    return pages


@pytest.mark.rounds
@pytest.mark.mostly_deep
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_have_no_known_barriers(server: Server, visit: Visit, scheme: str) -> None:
    person = visit(server, color_scheme=scheme, viewport=PHONE, reduced_motion="reduce")
    chat = chat_with(person, "Odalys Fenn").page
    open_panel(chat)
    pages = [chat, *lorebook_of(person), *(listed(person) if ROUNDS > 1 else [])]

    found = violations(chat)
    for number, page in enumerate(pages[1:]):
        # The layout around `main` is the same on all of them.
        how = (TWO_LOOKS, "html") if ROUNDS > 1 else (TWO_LOOKS[number % 2 :][:1], "main")
        found += violations(page, *how)
    assert found == []
    for page in pages:
        page.set_viewport_size({"width": 320, "height": 640})
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, page.url


def test_the_panel_stands_beside_the_text(server: Server, visit: Visit) -> None:
    page = chat_with(visit(server, viewport={"width": 1440, "height": 900}), "Hanne Voss").page
    open_panel(page)
    right = "element => element.getBoundingClientRect().right"
    left = page.locator("#tuning").evaluate("element => element.getBoundingClientRect().left")
    assert page.locator("#composer").evaluate(right) <= left
    assert page.locator("#thread").evaluate(right) <= left
    page.get_by_role("button", name="Close").click()
    expect(page.locator("#tuning")).to_be_hidden()


def test_a_group_of_many_with_long_names_stays_on_the_page_of_a_phone(server: Server, visit: Visit) -> None:
    page = visit(server, viewport=PHONE).open("/characters/import")
    names = [f"{letter} of the Waterworks-Administration and Steamship-Company of Steinwehr" for letter in "ABCDEFGHIJKL"]
    cards = [json.dumps({"name": name, "description": "Wet.", "first_mes": "Hello."}).encode() for name in names]
    files = [FilePayload(name=f"{at}.json", mimeType="application/json", buffer=card) for at, card in enumerate(cards)]
    page.get_by_label("Card files").set_input_files(files)
    press(page, page.get_by_role("button", name="Import"))
    press(page, page.get_by_role("link", name=names[0]))
    expect(page.get_by_role("button", name=f"Chat with {names[0]}")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]

    page.goto("/characters/group")
    for name in names:
        page.get_by_role("checkbox", name=name).check()
    press(page, page.get_by_role("button", name="Start group chat"))
    expect(page.locator("article")).to_have_count(12)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    written = page.locator(".played__who p").bounding_box()
    assert written
    assert (written["width"] > 200, written["x"] + written["width"] <= PHONE["width"]) == (True, True)


def test_a_group_on_a_phone_where_one_is_let_speak(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("The gauge reads two metres ten.", pace=0.02)
    page = visit(server, viewport=PHONE).open("/characters")
    page.get_by_role("link", name="New group chat").click()
    for name in ("Hanne Voss", "Ilario Quill"):
        page.get_by_role("checkbox", name=name).check()
    # The order is that of the list, in which Ilario Quill comes after Hanne Voss.
    page.get_by_role("button", name="Move up Ilario Quill").click()
    expect(page.locator(".choose [role=status]")).to_have_text("Ilario Quill, 1 of 2")
    press(page, page.get_by_role("button", name="Start group chat"))
    chat = ChatPage(page)

    page.get_by_role("button", name="Let Hanne Voss speak").click()
    chat.expect("completed")
    expect(page.get_by_role("article")).to_have_count(3)
    expect(chat.answer).to_have_attribute("aria-label", "Hanne Voss")
    page.get_by_label("Message", exact=True).fill("And now?")
    page.get_by_role("button", name="Let Hanne Voss speak").click()
    expect(page.get_by_role("article")).to_have_count(5)
    chat.expect("completed")
    expect(chat.answer).to_have_attribute("aria-label", "Hanne Voss")
    expect(page.get_by_label("Message", exact=True)).to_have_value("")
    role, words = heard(upstream)[-2]
    # The name is that of the default persona, which other tests in this file change.
    assert (role, words.partition(": ")[2]) == ("user", "And now?")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    for path in (page.url, f"{chat.path}/cast"):
        page.goto(path)
        assert violations(page) == []


def test_what_is_typed_while_a_message_is_written_for_one_stays(server: Server, upstream: Upstream, visit: Visit) -> None:
    chat = chat_with(visit(server), "Hanne Voss")
    upstream.always({"says": "I shake off the rain.", "delay": 1})
    chat.box.fill("I shake")
    chat.page.get_by_role("button", name="Draft my next message").click()
    expect(chat.page.get_by_role("button", name="Stop writing")).to_be_visible()
    chat.box.press("End")
    with chat.page.expect_response(
        lambda response: response.url.endswith("/draft") and "rain" in str(response.request.post_data)
    ):
        chat.box.type(" hands")
    expect(chat.box).to_have_value("I shake off the rain. hands")
    chat.page.reload()
    expect(chat.box).to_have_value("I shake off the rain. hands")
    assert heard(upstream)[-1][1].endswith("I shake")


def test_a_message_that_is_written_for_one_can_be_stopped(server: Server, upstream: Upstream, visit: Visit) -> None:
    chat = chat_with(visit(server), "Hanne Voss")
    upstream.always({"says": "I shake off the rain.", "delay": 60})
    chat.box.fill("I shake")
    stop = chat.page.get_by_role("button", name="Stop writing")
    expect(stop).to_be_hidden()
    chat.page.get_by_role("button", name="Draft my next message").click()
    stop.click()
    expect(stop).to_be_hidden()
    expect(chat.box).to_have_value("I shake")
    upstream.says("Not on my boat.")
    chat.ask("I shake")
    chat.expect("completed")
