"""The focus and the keys while one writes, and the text in the composer when one returns."""

from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.browser.chats import ChatPage, Person, press, press_while_it_refreshes, read_further_up, reload
from tests.browser.conftest import Visit
from tests.browser.ways import DESKTOP, NO_SCRIPTS, PHONE
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
BACK_FROM_THE_CACHE = "void setTimeout(() => dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true})))"
KEY = "#composer [name=key]"
LONG = "One line of many.\n\n" * 80


def asked(person: Person, upstream: Upstream, answer: str = "Ready.") -> ChatPage:
    """A chat with one complete answer."""
    upstream.says(answer)
    chat = person.begin("Hello")
    chat.expect("completed")
    return chat


def test_escape_leaves_an_edit_and_only_then_stops(server: Server, upstream: Upstream, visit: Visit) -> None:
    chat = asked(visit(server), upstream)
    page, edit = chat.page, chat.page.locator(".edit textarea")
    upstream.counts(2_000, pace=0.05)
    chat.ask("Count")
    chat.wait_for("w000003")
    page.keyboard.press("ArrowUp")
    expect(edit).to_be_focused()
    assert edit.evaluate("box => box.selectionStart") == len("Count")
    page.keyboard.press("Escape")
    expect(edit).to_have_count(0)
    expect(chat.box).to_be_focused()
    chat.expect("responding")

    first = page.locator("article").first.get_by_role("button", name="Edit")
    first.click()
    expect(edit).to_be_focused()
    page.keyboard.press("Escape")
    expect(first).to_be_focused()
    first.click()
    expect(edit).to_be_focused()
    page.keyboard.type(" Wor")
    page.keyboard.press("Escape")
    expect(edit).to_have_value("Hello Wor")
    page.get_by_role("link", name="Cancel").click()
    expect(first).to_be_focused()
    expect(page.locator("article").first.locator(".message-text")).to_have_text("Hello")
    page.locator("#chat-title a").click()
    expect(page.get_by_label("Title")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#chat-title a")).to_be_focused()
    chat.expect("responding")
    page.keyboard.press("Escape")
    chat.expect("stopped")

    chat.deed("Edit").click()
    expect(edit).to_be_focused()
    page.keyboard.press("Escape")
    expect(chat.answer.get_by_role("button", name="More")).to_be_focused()
    assert page.url == chat.page.url


@pytest.mark.mostly_deep
@pytest.mark.parametrize("key", ["Enter", "Control+Enter", "Meta+Enter"])
def test_enter_sends_an_edited_question_as_it_sends_a_message(server: Server, upstream: Upstream, visit: Visit, key: str) -> None:
    chat = asked(visit(server), upstream)
    upstream.says("Hello, world.")
    chat.box.press("ArrowUp")
    expect(chat.page.locator(".edit textarea")).to_be_focused()
    chat.page.keyboard.type(", world")
    chat.page.keyboard.press("Shift+Enter")
    chat.page.keyboard.press("Backspace")
    chat.page.keyboard.press(key)
    chat.wait_for("Hello, world.")
    expect(chat.page.locator("article").first.locator(".message-text")).to_have_text("Hello, world")


def test_who_opens_a_page_may_write_at_once(server: Server, upstream: Upstream, visit: Visit) -> None:
    person = visit(server)
    home = person.open("/")
    expect(home.get_by_role("textbox", name="Message")).to_be_focused()
    chat = asked(person, upstream, LONG)
    expect(chat.box).to_be_focused()
    other = person.look_at(chat)
    expect(other.box).to_be_focused()
    other.page.wait_for_function("() => document.documentElement.scrollHeight - innerHeight - scrollY < 2")
    other.page.keyboard.type("at once")
    expect(other.box).to_have_value("at once")

    named = person.open(f"{chat.path}#{chat.page.locator('article').first.get_attribute('id')}")
    named.wait_for_load_state("load")
    named.wait_for_function("() => document.getElementById('thread')._htmx?.sse")
    assert named.evaluate("scrollY") < 100
    assert named.evaluate("document.activeElement === document.body")


def test_nobody_is_given_a_keyboard_they_have_not_asked_for(server: Server, upstream: Upstream, visit: Visit) -> None:
    person = visit(server, **PHONE)
    upstream.says("Ready.")
    chat = person.begin("Hello")
    chat.expect("completed")
    for page in (chat.page, person.open("/"), person.open(chat.path)):
        page.wait_for_load_state("load")
        assert page.evaluate("document.activeElement === document.body")


def test_back_on_the_first_page_nothing_is_offered_twice(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("Ready.")
    chat = visit(server).begin_by_hand("Hello")
    chat.expect("completed")
    page = chat.page
    page.go_back()
    expect(page.get_by_text("What are you working on?")).to_be_visible()
    page.wait_for_load_state("load")
    expect(chat.box).to_have_value("")
    chat.box.press("Enter")
    expect(page.get_by_text("What are you working on?")).to_be_visible()


def test_who_comes_back_finds_the_newest_draft(server: Server, upstream: Upstream, visit: Visit) -> None:
    person = visit(server)
    chat = asked(person, upstream)
    path = chat.path
    with chat.page.expect_response("**/draft"):
        chat.box.fill("An old thought")
    chat.page.goto("/help")
    other = ChatPage(person.open(path))
    expect(other.box).to_have_value("An old thought")
    with other.page.expect_response("**/draft"):
        other.box.fill("A newer one")
    chat.page.go_back()
    expect(chat.box).to_have_value("A newer one")

    with other.page.expect_response("**/draft"):
        other.box.fill("The newest")
    key = chat.page.locator(KEY).input_value()
    with chat.page.expect_navigation():
        chat.page.evaluate(BACK_FROM_THE_CACHE)
    expect(chat.box).to_have_value("The newest")
    expect(chat.page.locator(KEY)).not_to_have_value(key)
    upstream.says("Heard.")
    other.box.press("Enter")
    chat.wait_for("Heard.")


@pytest.mark.mostly_deep
@pytest.mark.parametrize("way", [DESKTOP, NO_SCRIPTS], ids=["desktop", "no scripts"])
def test_what_waited_and_is_removed_is_a_draft_again(
    way: dict[str, Any], server: Server, upstream: Upstream, visit: Visit
) -> None:
    chat = asked(visit(server), upstream)
    upstream.counts(2_000, pace=0.05)
    chat.ask("Count")
    chat.wait_for("w000003")
    chat.box.fill("And then?")
    chat.box.press("Enter")
    expect(chat.page.locator("#follow-up")).to_contain_text("And then?")
    removing = ChatPage(visit(server, **way).open(chat.path))
    remove = removing.page.get_by_role("button", name="Remove")
    if way == NO_SCRIPTS:
        press_while_it_refreshes(remove)
    else:
        remove.click()
        expect(removing.box).to_be_focused()
    expect(removing.page.locator("#composer-text")).to_have_value("And then?")
    expect(chat.page.locator("#follow-up")).not_to_contain_text("And then?")
    reload(chat.page)
    expect(chat.box).to_have_value("And then?")

    chat.box.press("Enter")
    chat.box.fill("Wait, first this")
    chat.page.get_by_role("button", name="Remove").click()
    expect(chat.box).to_have_value("And then?\n\nWait, first this")
    chat.stop.click()
    chat.expect("stopped")


def test_there_is_a_way_back_to_the_end(server: Server, upstream: Upstream, visit: Visit) -> None:
    chat = asked(visit(server), upstream, LONG)
    page = chat.page
    pill = page.get_by_role("link", name="Jump to latest")
    expect(pill).to_be_hidden()
    page.evaluate("scrollBy(0, -innerHeight / 2)")
    page.wait_for_function("() => document.documentElement.scrollHeight - innerHeight - scrollY > 100")
    expect(pill).to_be_hidden()
    page.evaluate("scrollTo(0, 0)")
    expect(pill).to_be_visible()
    pill.click()
    page.wait_for_function("() => document.documentElement.scrollHeight - innerHeight - scrollY < 2")
    expect(pill).to_be_hidden()


def test_who_wants_to_stay_is_not_taken_down_by_an_answer(server: Server, upstream: Upstream, visit: Visit) -> None:
    chat = asked(visit(server), upstream, LONG)
    page = chat.page
    page.evaluate("document.documentElement.dataset.scrolling = 'still'")
    upstream.counts(1_500, pace=0.002)
    chat.ask("Count")
    # Their own message is brought into view, and what is written below it leaves it there.
    expect(page.locator("article").nth(2)).to_be_in_viewport()
    chat.expect("completed")
    expect(page.locator("article").nth(2)).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollHeight - innerHeight - scrollY") > 200
    expect(page.get_by_role("link", name="New text below")).to_be_visible()


# A screen's worth of text arrives between scrolling to the end and being told that the page was scrolled.
OVERTAKEN = """async text => {
  const grow = height => text.append(Object.assign(document.createElement('p'), {style: `height: ${height}px`}));
  const frame = () => new Promise(requestAnimationFrame);
  const end = () => document.documentElement.scrollHeight - innerHeight;
  grow(90);
  scrollTo(0, end());
  grow(500);
  for (let i = 0; i < 4; i++) await frame();
  return end() - scrollY;
}"""


def test_text_that_arrives_at_once_does_not_end_the_following(server: Server, upstream: Upstream, visit: Visit) -> None:
    chat = asked(visit(server), upstream, LONG)
    assert chat.text.evaluate(OVERTAKEN) < 2
    read_further_up(chat.page, 700)
    assert chat.text.evaluate(OVERTAKEN.replace("scrollTo", "void")) > 500


def test_what_is_typed_offline_is_kept_afterwards(server: Server, upstream: Upstream, visit: Visit) -> None:
    chat = asked(visit(server), upstream)
    page = chat.page
    page.context.set_offline(True)
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/draft")):
        chat.box.fill("From the train")
    with page.expect_response(lambda response: response.url.endswith("/draft")):
        page.context.set_offline(False)
    reload(page)
    expect(chat.box).to_have_value("From the train")


def test_typing_on_blank_space_reaches_the_composer(server: Server, upstream: Upstream, visit: Visit) -> None:
    chat = asked(visit(server), upstream)
    page = chat.page
    page.locator("article").last.click()
    chat.box.blur()
    page.keyboard.type("but why")
    expect(chat.box).to_have_value("but why")
    expect(chat.box).to_be_focused()
    expect(page.get_by_role("button", name="Hide sidebar")).to_be_attached()
    chat.box.fill("")
    chat.box.blur()
    page.keyboard.press("Control+b")
    page.keyboard.press("Space")
    expect(chat.box).not_to_be_focused()
    page.keyboard.press("Control+Shift+O")
    expect(page.get_by_text("What are you working on?")).to_be_visible()


def test_a_person_chooses_the_key_that_sends(server: Server, upstream: Upstream, visit: Visit) -> None:
    person = visit(server)
    chat, page = asked(person, upstream), person.open("/settings/chats")
    page.get_by_label("Send messages with").select_option("ctrl")
    press(page, page.get_by_role("button", name="Save"))
    reload(chat.page)
    chat.box.fill("One")
    chat.box.press("Enter")
    chat.page.keyboard.type("Two")
    expect(chat.box).to_have_value("One\nTwo")
    chat.box.press("Control+Enter")
    expect(chat.page.locator("article")).to_have_count(4)
    page.get_by_label("Send messages with").select_option("enter")
    press(page, page.get_by_role("button", name="Save"))


def test_several_messages_wait_and_are_sent_in_their_order(server: Server, upstream: Upstream, visit: Visit) -> None:
    chat = asked(visit(server), upstream)
    page, rows = chat.page, chat.page.locator("#follow-up .next__row")
    upstream.counts(400, pace=0.02, holds=[100])
    chat.ask("Count")
    for words in ("Second", "Third", "Fourth"):
        chat.box.fill(words)
        chat.box.press("Enter")
        expect(chat.box).to_have_value("")
        expect(rows.filter(has_text=words)).to_have_count(1)
    rows.nth(1).locator("summary").click()
    edit = rows.nth(1).get_by_label("Queued message", exact=True)
    edit.fill("Third, in other words")
    rows.nth(1).get_by_role("button", name="Save").click()
    expect(rows.nth(1).locator(".next__text")).to_have_text("Then: Third, in other words")
    rows.nth(0).get_by_role("button", name="Remove").click()
    expect(chat.box).to_have_value("Second")
    reload(page)
    expect(rows).to_have_count(2)
    upstream.says("Done.")
    upstream.goes_on()
    chat.expect("completed")
    expect(page.locator("article")).to_have_count(8)
    expect(page.locator("article[data-role=user] .message-text")).to_have_text(
        ["Hello", "Count", "Third, in other words", "Fourth"]
    )


def test_without_scripts_the_next_message_is_queued(server: Server, upstream: Upstream, visit: Visit) -> None:
    chat = asked(visit(server), upstream)
    upstream.counts(4_000, pace=0.02)
    chat.ask("Count")
    page = visit(server, **NO_SCRIPTS).open(chat.path)
    press_while_it_refreshes(page.get_by_role("link", name="Write the next message"))
    page.get_by_role("textbox", name="Message").fill("And then?")
    press(page, page.get_by_role("button", name="Queue"))
    expect(page.locator("#follow-up .next__text")).to_have_text("Next: And then?")
    chat.stop.click()
    chat.expect("stopped")


def test_a_message_whose_response_was_lost_is_sent_once(server: Server, upstream: Upstream, visit: Visit) -> None:
    chat = asked(visit(server), upstream)
    questions = chat.page.locator("article[data-role=user]")

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    chat.page.route("**/messages", lose, times=1)
    chat.box.fill("Is it there?")
    chat.send.click()
    expect(chat.box).to_have_value("Is it there?")
    expect(questions).to_have_count(2)
    chat.expect("completed")
    with chat.page.expect_response("**/messages"):
        chat.send.click()
    expect(chat.page.locator("#composer.htmx-request")).to_have_count(0)
    expect(chat.box).to_have_value("")
    chat.ask("Is it there?")
    expect(questions).to_have_count(3)
    chat.expect("completed")
    reload(chat.page)
    expect(questions.locator(".message-text")).to_have_text(["Hello", "Is it there?", "Is it there?"])
    expect(chat.box).to_have_value("")
