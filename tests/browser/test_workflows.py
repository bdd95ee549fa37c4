"""A workflow in a real browser: by touch on a phone, with the keyboard only, and with a screen reader."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.chats import press
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import violations
from tests.browser.test_earlier_messages import lengthen
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
CARD = {"title": "A calm week", "intention": "Rest, and show it to others.", "steps": ["Ask for an hour", "Show it"]}
QUESTIONS = ("What went well?", "How many hours can you give to it next week?", "When shall we look at it again?")
LISTEN = """() => {
  window.heard = [];
  const region = document.getElementById('announcer');
  const keep = () => heard.push(region.textContent);
  new MutationObserver(keep).observe(region, {childList: true, characterData: true, subtree: true});
}"""
FOCUSED = "() => document.activeElement?.textContent?.replace(/\\s+/g, ' ').trim() ?? ''"


def thread(page: Page) -> Any:
    return page.locator("#thread")


def done(page: Page) -> None:
    expect(page.locator("#led")).to_contain_text("Weekly check-in: completed.")
    expect(thread(page)).to_contain_text("A calm week")


def tab_to(page: Page, words: str) -> None:
    # Other tests' chats come before it in the tab order, each with a menu.
    for _ in range(500):
        page.keyboard.press("Tab")
        if page.evaluate(FOCUSED) == words:
            return
    raise AssertionError(f"no key leads to {words}")


def test_a_week_is_looked_back_on_by_taps_on_a_phone(server: Server, visit: Visit, upstream: Upstream) -> None:
    upstream.says(json.dumps(CARD))
    page = visit(server, **PHONE).open("/workflows")
    press(page, page.get_by_role("button", name="Start Weekly check-in"))
    page.get_by_role("button", name="good", exact=True).tap()
    for question, words in zip(QUESTIONS[:2], ("The garden", "0"), strict=True):
        expect(thread(page)).to_contain_text(question)
        # The field for this question, not for the previous one.
        field = page.get_by_role("textbox", name=question)
        field.tap()
        page.keyboard.type(words)
        page.get_by_role("button", name="Send", exact=True).tap()
    expect(thread(page)).to_contain_text(QUESTIONS[2])
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    # What was typed before is not there again.
    expect(page.get_by_role("textbox", name=QUESTIONS[2])).to_have_value("")
    page.evaluate("scrollTo(0, 0)")
    assert violations(page) == []
    page.get_by_role("button", name="Skip", exact=True).tap()
    done(page)


def test_a_week_is_looked_back_on_by_keys_alone_and_each_question_is_heard_once(
    server: Server, visit: Visit, upstream: Upstream
) -> None:
    upstream.says(json.dumps(CARD))
    page = visit(server).open("/workflows")
    tab_to(page, "Start Weekly check-in")
    page.keyboard.press("Enter")
    expect(thread(page)).to_contain_text("How was your week overall?")
    page.evaluate(LISTEN)
    tab_to(page, "good")
    page.keyboard.press("Enter")
    for question, words in zip(QUESTIONS[:2], ("The garden", "0"), strict=True):
        # The focus moves there by itself.
        expect(page.get_by_role("textbox", name=question)).to_be_focused()
        page.keyboard.type(words)
        # As in the message box, Enter sends.
        page.keyboard.press("Enter")
    expect(thread(page)).to_contain_text(QUESTIONS[2])
    tab_to(page, "Skip")
    page.keyboard.press("Enter")
    done(page)
    page.wait_for_function("() => heard.some(words => words.startsWith('Done.'))")
    heard = page.evaluate("heard")
    for question in QUESTIONS:
        assert heard.count(question) == 1, heard


def test_the_next_answer_is_sent_before_the_response_of_the_one_before_has_come(
    server: Server, visit: Visit, upstream: Upstream
) -> None:
    upstream.says(json.dumps(CARD))
    page = visit(server).open("/workflows")
    press(page, page.get_by_role("button", name="Start Weekly check-in"))
    page.get_by_role("button", name="good", exact=True).click()
    expect(page.get_by_role("textbox", name=QUESTIONS[0])).to_be_focused()
    late: list[tuple[Route, Any]] = []
    page.route("**/answer", lambda route: late.append((route, route.fetch())), times=1)
    for question, words in zip(QUESTIONS[:2], ("The garden", "0"), strict=True):
        expect(page.get_by_role("textbox", name=question)).to_be_focused()
        page.keyboard.type(words)
        page.keyboard.press("Enter")
    expect(thread(page)).to_contain_text(QUESTIONS[2])
    for route, response in late:
        route.fulfill(response=response)
    page.get_by_role("button", name="Skip", exact=True).click()
    done(page)


def test_a_first_question_that_asks_for_words_has_the_focus(server: Server, visit: Visit) -> None:
    page = visit(server).open("/workflows")
    press(page, page.get_by_role("button", name="Start Support triage"))
    expect(page.get_by_role("textbox", name="What happened, and what did you expect?")).to_be_focused()


def test_what_was_said_long_ago_is_not_read_out_when_it_comes_into_view(server: Server, visit: Visit) -> None:
    page = visit(server).open("/workflows")
    press(page, page.get_by_role("button", name="Start Weekly check-in"))
    lengthen(server, page.url.split("/chats/")[1][:26])
    page.reload()
    articles = page.locator("#thread > article")
    before = articles.count()
    page.evaluate(LISTEN)
    page.evaluate("scrollTo({ top: 0, behavior: 'instant' })")
    expect(articles).not_to_have_count(before)
    page.get_by_role("button", name="good", exact=True).click()
    page.wait_for_function("question => heard.includes(question)", arg=QUESTIONS[0])
    # Earlier messages, all of them copies of the first question, must not be announced.
    assert page.evaluate("heard").count("How was your week overall?") == 0


def test_the_editor_completes_what_is_typed(server: Server, visit: Visit) -> None:
    page = visit(server).open("/workflows/new")
    page.get_by_text("YAML", exact=True).click()
    source, found = page.get_by_label("Workflow, as YAML or JSON"), page.locator("#completions button")
    source.fill("workflow: tea\nslots:\n  leaf: {type: text}\nsteps:\n")
    source.press("Control+End")
    page.locator("#code").evaluate("code => code.scrollIntoView({ block: 'start', behavior: 'instant' })")
    page.keyboard.type("  - col")
    expect(found).to_have_text(["collect"])
    # Errors are shown while typing, too, right below the text.
    expect(page.locator("#faults")).to_contain_text("Line")
    text, faults = source.bounding_box(), page.locator("#faults").bounding_box()
    assert text
    assert faults
    assert 0 <= faults["y"] - text["y"] - text["height"] < 40
    # Neither hides the other, nor the text, and both are in view.
    suggestion = found.bounding_box()
    assert suggestion
    assert faults["y"] + faults["height"] <= suggestion["y"] <= 720 - suggestion["height"]
    assert violations(page) == []
    source.press("Control+ ")
    expect(found).to_be_focused()
    page.keyboard.press("Enter")
    expect(source).to_be_focused()
    expect(found).to_have_text(["leaf"])
    found.click()
    assert source.input_value().endswith("  - collect: leaf")
    source.press("Control+z")
    assert source.input_value().endswith("  - collect: ")
