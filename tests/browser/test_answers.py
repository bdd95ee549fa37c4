"""Sending a message, and watching the answer arrive."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.chats import answers_asked, reload, until
from tests.browser.conftest import Visit
from tests.support.server import Server
from tests.upstream.handle import Upstream

STORY = " ".join(f"word{number}" for number in range(60))


def test_an_answer_streams_through_its_states(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("Ready.")
    chat = visit(server).begin_by_hand("Are you ready?")
    chat.expect("completed")
    chat.page.evaluate("statuses.length = 0")

    upstream.says(STORY, pace=0.02, holds=[0, 20])
    chat.ask("Then tell me a story")
    chat.expect("thinking")
    expect(chat.answer.locator(".aside")).to_contain_text("Thinking")
    expect(chat.stop).to_be_visible()
    expect(chat.send).to_have_count(0)
    upstream.goes_on()
    chat.expect("responding")
    until(chat.page, lambda: "word3" in chat.seen())
    assert "word59" not in chat.seen(), "it did not stream"
    expect(chat.page).to_have_title(re.compile("^… "))
    upstream.goes_on()
    chat.expect("completed")
    expect(chat.text).to_have_text(STORY)
    expect(chat.answer.locator(".receipt")).to_contain_text(re.compile(r"Plain · 60 tokens · \d+\.\d s"))
    expect(chat.send).to_be_visible()
    expect(chat.stop).to_have_count(0)
    seen = chat.page.evaluate("statuses")
    assert [status for status in seen if status not in ("queued", "saving")] == [
        "completed",
        "thinking",
        "responding",
        "completed",
    ]


def test_the_keyboard_sends_breaks_lines_and_stops(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("Ready.")
    chat = visit(server).begin("Are you ready?")
    chat.expect("completed")
    upstream.says(STORY, pace=0.1, holds=[20])
    chat.box.fill("one")
    chat.box.press("Shift+Enter")
    chat.box.press_sequentially("two")
    assert chat.page.locator("article").count() == 2
    chat.box.press("Enter")
    expect(chat.page.locator("article[data-role=user]").last.locator(".message-text")).to_have_text(
        "one\ntwo", use_inner_text=True
    )
    chat.wait_for("word2")
    expect(chat.box).to_be_focused()
    chat.box.press("Escape")
    chat.expect("stopped")
    expect(chat.answer.locator(".receipt")).to_contain_text("Stopped after")
    assert upstream.until(lambda log: answers_asked(log)[-1]["client_closed"])


def test_what_is_typed_meanwhile_is_kept_and_can_be_sent_at_the_end(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.behaves([{"says": STORY, "pace": 0.02, "holds": [30]}, {"says": "The next."}, {"says": "The one after."}])
    chat = visit(server).begin("A story please")
    asked = chat.page.locator("article[data-role=user] .message-text")
    chat.box.press_sequentially("and the next", delay=30)
    chat.expect("responding")
    chat.box.press("Enter")
    chat.box.press_sequentially("and the one ", delay=30)
    expect(chat.page.locator("#follow-up .next__text")).to_have_text("Next: and the next")
    upstream.goes_on()
    chat.box.press_sequentially("after", delay=30)
    chat.wait_for("The next.")
    chat.expect("completed")
    expect(asked).to_have_text(["A story please", "and the next"])
    expect(chat.box).to_be_focused()
    expect(chat.box).to_have_value("and the one after")
    expect(chat.send).to_be_visible()
    chat.box.press("Enter")
    chat.wait_for("The one after.")
    expect(asked).to_have_text(["A story please", "and the next", "and the one after"])
    expect(chat.box).to_have_value("")


def test_both_tabs_show_the_same_chat_and_the_other_may_ask(server: Server, upstream: Upstream, visit: Visit) -> None:
    person = visit(server)
    upstream.says("First.")
    chat = person.begin("one")
    other = person.look_at(chat)
    chat.expect("completed")
    upstream.says(STORY, pace=0.01)
    other.ask("two")
    expect(chat.page.locator("article")).to_have_count(4)
    chat.expect("completed")
    other.expect("completed")
    assert chat.html() == other.html() == chat.rendered(STORY)


def test_another_version_is_asked_for_in_its_place(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.behaves([{"says": "The first version."}, {"says": "The second version."}])
    chat = visit(server).begin("Say something")
    chat.wait_for("The first version.")
    chat.again.click()
    chat.wait_for("The second version.")
    chat.expect("completed")
    expect(chat.page.locator("article")).to_have_count(2)


def test_reasoning_is_folded_beside_the_text(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("Forty-two.", reasoning="Let me think about it. " * 5, pace=0.05, holds=[0])
    chat = visit(server).begin("What is the answer?")
    thought = chat.answer.locator("details.thought")
    expect(thought.locator("summary")).to_contain_text("Reasoning")
    thought.locator("summary").click()
    expect(thought.locator(".thought__text")).to_contain_text("Let me think")
    upstream.goes_on()
    chat.expect("completed")
    assert chat.html() == chat.rendered("Forty-two.")
    expect(thought).to_have_attribute("open", "")
    expect(thought.locator("summary")).to_contain_text(re.compile(r"Thought for \d"))
    reload(chat.page)
    expect(chat.answer.locator("details.thought summary")).to_contain_text(re.compile(r"Thought for \d"))


def test_a_message_that_is_refused_stays_in_the_composer(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("Fine.")
    chat = visit(server).begin("short")
    chat.expect("completed")
    long = "a" * 200_001
    chat.box.fill(long)
    chat.box.press("Enter")
    expect(chat.page.get_by_role("alert")).to_contain_text("1 character too long")
    assert len(chat.box.input_value()) == len(long)
    chat.box.fill("shorter")
    chat.box.press("Enter")
    expect(chat.page.locator("article")).to_have_count(4)


@pytest.mark.mostly_deep
@pytest.mark.parametrize("has_scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_first_message_that_is_refused_stays_too(server: Server, visit: Visit, has_scripts: bool) -> None:
    page = visit(server, java_script_enabled=has_scripts).open("/")
    long = "a" * 200_001
    page.get_by_role("textbox", name="Message").fill(long)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("1 character too long")).to_be_visible()
    box = page.get_by_role("textbox", name="Message")
    expect(box).to_be_visible()
    assert len(box.input_value()) == len(long)
