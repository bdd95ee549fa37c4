"""What our scripts do in a real browser, also when the server misbehaves."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.chats import HEAR, HIDE, copied, until as until_in
from tests.browser.stage import ANSWER, LIVE, QUESTION, Running, Stage
from webapp.workspace.page.answer_shown import Silence

# For what is shown on a real server too, by test_accessibility.py, test_answers.py, test_reading.py, test_hidden_tabs.py or
# test_without_scripts.py.
ON_A_REAL_SERVER = pytest.mark.deep
LONG = "<p>more</p>" * 60
PART = "data: <hx-partial hx-target='#thread' hx-swap='beforeend'><p id='told'></p></hx-partial>\n\n"


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport={"width": 1000, "height": 600})
    yield context
    context.close()


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def url(stage: Stage) -> Iterator[str]:
    running = Running(stage)
    yield f"{running.url}/chat"
    stage.hang_up()
    running.close()


@pytest.fixture
def page(context: BrowserContext, stage: Stage, url: str) -> Iterator[Page]:
    """The connected page of a chat with a running answer; its console must stay free of errors."""
    page, wrong = context.new_page(), []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if "Content Security Policy" in message.text else None)
    page.goto(url)
    until(lambda: stage.watchers == 1)
    yield page
    assert not wrong


def until(is_so: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not become so"
        time.sleep(0.02)


@ON_A_REAL_SERVER
def test_text_arrives_and_the_end_is_exactly_what_was_rendered(page: Page, stage: Stage) -> None:
    stage.part("#message-a-tail", "beforebegin", "<p>water</p>")
    stage.part("#message-a-tail", "innerMorph", "<p>flows</p>")
    expect(page.locator("#message-a-tail")).to_have_text("flows")
    final = '<div class="code"><header><span>text</span></header><pre><code>x = 1</code></pre></div>'
    stage.part("#message-a-tail", "outerHTML", final)
    page.get_by_role("button", name="Copy code").wait_for()
    assert page.locator("#message-a-text").inner_html() == f"<p>Because</p><p>water</p>{final}"


def test_a_status_changes_the_article_the_words_and_the_title(page: Page, stage: Stage) -> None:
    stage.say("saving")
    expect(page.locator("#message-a")).to_have_attribute("data-status", "saving")
    expect(page.locator(".state")).to_have_text(re.compile(r"^Saving\s· (\d+ min )?\d+ s$"))
    expect(page).to_have_title("… Sluice gates · Millrace")
    stage.say("completed")
    expect(page).to_have_title("Sluice gates · Millrace")


def test_it_says_how_long_it_has_thought(context: BrowserContext, stage: Stage, url: str) -> None:
    stage.thread = [QUESTION, replace(LIVE, status="thinking", reasoning="Hm.", thought="Thinking")]
    page = context.new_page()
    page.goto(url)
    until_in(page, lambda: stage.watchers == 1)
    stage.say("responding")
    expect(page.locator("#message-a-thought-words")).to_have_text(re.compile(r"Thought for \d+ (s|min)"))


@ON_A_REAL_SERVER
def test_each_step_is_spoken_once(page: Page, stage: Stage) -> None:
    page.evaluate(HEAR)
    for status in ("thinking", "responding", "responding", "completed", "completed"):
        stage.say(status)
    expect(page.locator("#announcer")).to_have_text("The answer is complete.")
    assert page.evaluate("heard") == ["The answer has started.", "The answer is complete."]


def test_an_answer_that_arrives_when_it_has_begun_is_spoken_from_its_start(
    context: BrowserContext, stage: Stage, url: str
) -> None:
    stage.thread = [QUESTION, ANSWER]
    page = context.new_page()
    page.goto(url)
    until_in(page, lambda: stage.watchers == 1)
    page.evaluate(HEAR)
    begun = "<article class='message' id='message-b' data-role='assistant' data-status='responding'></article>"
    stage.part("#thread", "beforeend", begun)
    expect(page.locator("#announcer")).to_have_text("The answer has started.")
    for status in ("responding", "completed"):
        stage.say(status, message="b")
    expect(page.locator("#announcer")).to_have_text("The answer is complete.")
    assert page.evaluate("heard") == ["The answer has started.", "The answer is complete."]


def test_it_tries_again_when_the_first_connection_is_refused(context: BrowserContext, stage: Stage, url: str) -> None:
    stage.refusals = [503, 503]
    page = context.new_page()
    page.goto(url)
    until_in(page, lambda: stage.watchers == 1)
    assert stage.opened == 3
    expect(page.locator("#message-q .message-text")).to_have_text("Why?")
    expect(page.locator("body")).not_to_contain_text("Something else")


@pytest.mark.parametrize(("status", "button"), [(403, "Reload"), (204, "Resume here")])
def test_it_stops_trying_when_it_is_told_to(context: BrowserContext, stage: Stage, url: str, status: int, button: str) -> None:
    stage.refusals = [status]
    page = context.new_page()
    page.goto(url)
    page.get_by_role("button", name=button).click()
    until_in(page, lambda: stage.watchers == 1)
    assert stage.opened == 2


def test_a_lost_connection_is_said_and_found_again(page: Page, stage: Stage) -> None:
    stage.refusals = [503] * 99
    stage.hang_up()
    expect(page.locator("#status-line")).to_contain_text("Connection lost")
    stage.refusals = []
    expect(page.locator("#status-line")).to_be_empty(timeout=60_000)
    assert stage.last_ids[-1] == "1"


@pytest.mark.mostly_deep(2)
@pytest.mark.parametrize("status", [204, 401, 404])
def test_a_reconnection_that_is_refused_for_good_is_the_last(page: Page, stage: Stage, status: int) -> None:
    stage.refusals = [status]
    stage.hang_up()
    page.locator("#status-line :is(a, button)").wait_for()
    page.wait_for_function("() => !document.getElementById('thread')._htmx.sse")
    assert stage.opened == 2


@ON_A_REAL_SERVER
def test_a_superseded_page_rests_until_it_is_resumed(page: Page, stage: Stage) -> None:
    stage.send("event: superseded\ndata: 1\n\n")
    button = page.get_by_role("button", name="Resume here")
    button.wait_for()
    until_in(page, lambda: stage.watchers == 0)
    button.click()
    until_in(page, lambda: stage.watchers == 1)


@ON_A_REAL_SERVER
def test_a_hidden_page_keeps_its_stream_while_an_answer_runs_and_then_lets_go(page: Page, stage: Stage) -> None:
    page.evaluate(HIDE, True)
    stage.part("#message-a-tail", "beforebegin", "<p>in the dark</p>")
    expect(page.locator("#message-a-text")).to_contain_text("in the dark")
    stage.say("completed")
    until_in(page, lambda: stage.watchers == 0)
    expect(page).to_have_title("● Sluice gates · Millrace")
    page.evaluate(HIDE, False)
    until_in(page, lambda: stage.watchers == 1)
    expect(page).to_have_title("Sluice gates · Millrace")


@ON_A_REAL_SERVER
def test_a_hidden_page_without_an_answer_lets_go_at_once(context: BrowserContext, stage: Stage, url: str) -> None:
    stage.thread = [QUESTION, ANSWER]
    page = context.new_page()
    page.goto(url)
    until_in(page, lambda: stage.watchers == 1)
    page.evaluate(HIDE, True)
    until_in(page, lambda: stage.watchers == 0)


def test_it_stays_at_the_end_but_never_pulls_a_reader_down(page: Page, stage: Stage) -> None:
    stage.part("#message-a-tail", "beforebegin", LONG)
    page.wait_for_function("() => scrollY > 500 && document.documentElement.scrollHeight - innerHeight - scrollY < 2")
    page.evaluate("scrollTo(0, 100)")
    page.wait_for_function("() => scrollY === 100")
    stage.part("#message-a-tail", "beforebegin", LONG)
    pill = page.get_by_role("link", name="New text below")
    pill.wait_for()
    assert page.evaluate("scrollY") == 100
    pill.click()
    page.wait_for_function("() => document.documentElement.scrollHeight - innerHeight - scrollY < 2")
    expect(pill).to_be_hidden()


def test_enter_sends_and_shift_enter_makes_a_line(context: BrowserContext, stage: Stage, url: str) -> None:
    stage.thread = [QUESTION, ANSWER]
    page = context.new_page()
    page.goto(url)
    box = page.get_by_role("textbox", name="Message")
    box.press("Enter")
    box.type("one")
    box.press("Shift+Enter")
    box.type("two")
    stage.may_answer.clear()
    box.press("Enter")
    until_in(page, lambda: stage.posted)
    box.press("Enter")
    box.type(" and three")
    stage.may_answer.set()
    expect(box).to_have_value(" and three")
    expect(box).to_be_focused()
    assert [form["message"].replace("\r", "") for form in stage.posted] == ["one\ntwo"]


def test_enter_that_chooses_a_word_does_not_send(context: BrowserContext, stage: Stage, url: str) -> None:
    stage.thread = [QUESTION, ANSWER]
    page = context.new_page()
    page.goto(url)
    page.get_by_role("textbox", name="Message").fill("kana")
    is_left_alone = page.evaluate("""() => document.getElementById('composer-text').dispatchEvent(
        new KeyboardEvent('keydown', {key: 'Enter', isComposing: true, bubbles: true, cancelable: true}))""")
    assert is_left_alone
    assert not stage.posted


@ON_A_REAL_SERVER
@pytest.mark.parametrize("way", ["Escape", "click"])
def test_stop_goes_by_the_form_of_the_page(page: Page, stage: Stage, way: str) -> None:
    if way == "click":
        page.get_by_role("button", name="Stop").click()
    else:
        page.keyboard.press(way)
    until_in(page, lambda: stage.posted == [{"stop": "/stop"}])
    assert page.url.endswith("/chat")


def test_a_refusal_is_a_toast_that_can_be_dismissed(page: Page, stage: Stage) -> None:
    stage.refuses_to_stop = True
    page.get_by_role("button", name="Stop").click()
    toast = page.get_by_text("That answer has ended already.")
    toast.wait_for()
    expect(page.locator("#message-a-text")).to_contain_text("Because")
    page.get_by_role("button", name="Dismiss").click()
    expect(toast).to_have_count(0)


@ON_A_REAL_SERVER
def test_copy_gives_the_text_as_it_was_written(context: BrowserContext, stage: Stage, url: str) -> None:
    stage.thread = [QUESTION, ANSWER]
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(url)
    copied(page.locator("#message-a [data-copy]"))
    assert page.evaluate("navigator.clipboard.readText()") == "raw of a"


def test_a_server_that_cannot_be_reached_keeps_the_text(context: BrowserContext, stage: Stage, url: str) -> None:
    stage.thread = [QUESTION, ANSWER]
    page = context.new_page()
    page.goto(url)
    context.set_offline(True)
    box = page.get_by_role("textbox", name="Message")
    box.fill("keep me")
    box.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("reach the server")
    expect(box).to_have_value("keep me")


@ON_A_REAL_SERVER
def test_without_scripts_a_running_chat_refreshes_itself_and_offers_stop(chromium: Browser, stage: Stage, url: str) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(url)
    expect(page.get_by_role("textbox", name="Message")).to_be_hidden()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    assert page.locator("noscript meta[http-equiv=refresh]").get_attribute("content") == "2;url=/chat?at=2#end"
    context.close()


def test_a_page_that_is_opened_while_nothing_comes_counts_from_the_servers_time(
    context: BrowserContext, stage: Stage, url: str
) -> None:
    quiet = Silence(32, "No text for 32 s", is_instead=True, is_long=True)
    again = replace(LIVE.actions, choose_url="/messages/a/again")
    stage.thread = [QUESTION, replace(LIVE, silence=quiet, actions=again)]
    page = context.new_page()
    page.clock.install()
    page.goto(url)
    state, instead = page.locator(".state"), page.get_by_role("link", name="Try again with…")
    page.clock.fast_forward(1_000)
    expect(state).to_have_text(re.compile(r"^\s*No text for [3-5]\d s$"), use_inner_text=True)
    expect(instead).to_be_visible()
    until(lambda: stage.watchers == 1)
    stage.part("#message-a-text", "beforeend", "<p>more</p>")
    expect(page.locator("#message-a-text")).to_contain_text("more")
    page.clock.fast_forward(1_000)
    expect(instead).to_be_hidden()
    expect(state).to_contain_text("Answering", use_inner_text=True)


def test_an_answer_that_stalls_says_for_how_long_until_it_grows(context: BrowserContext, stage: Stage, url: str) -> None:
    page = context.new_page()
    page.clock.install()
    page.goto(url)
    until(lambda: stage.watchers == 1)
    state = page.locator(".state")
    expect(state).to_contain_text("Answering")
    page.clock.fast_forward(32_000)
    expect(state).to_have_text(re.compile(r"^\s*No text for [3-5]\d s$"), use_inner_text=True)
    expect(page.locator("#announcer")).to_have_text("No text from the model for 15 seconds.")
    stage.part("#message-a-text", "beforeend", "<p>more</p>")
    expect(page.locator("#message-a-text")).to_contain_text("more")
    page.clock.fast_forward(1_000)
    expect(state).to_contain_text("Answering", use_inner_text=True)
    expect(state).not_to_contain_text("No text")


def test_a_page_that_waits_to_connect_again_does_so_when_the_network_is_back(page: Page, stage: Stage) -> None:
    # As after many attempts: the next one is fifteen seconds away, or ten with jitter.
    stage.send(f"retry: 60000\n{PART}")
    expect(page.locator("#told")).to_be_attached()
    stage.hang_up()
    expect(page.locator("#status-line")).to_contain_text("Connection lost")
    page.evaluate("dispatchEvent(new Event('online'))")
    until(lambda: stage.watchers == 1, seconds=60)
    expect(page.locator("#status-line")).to_be_empty()
