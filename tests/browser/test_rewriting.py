"""Editing an answer, and continuing a complete one: on every kind of page, and with the keyboard."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.chats import answers_asked, deed_of, until
from tests.browser.conftest import Visit
from tests.browser.test_branches import says
from tests.browser.ways import in_every_way
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow


@in_every_way
def test_an_answer_is_edited_and_goes_on(way: dict[str, Any], server: Server, visit: Visit, upstream: Upstream) -> None:
    upstream.says("She opened the gate.")
    chat = visit(server, **way).begin("First")
    says(chat, "She opened the gate.")
    page = chat.page

    chat.deed("Edit").click()
    box = page.locator("article").get_by_role("textbox", name="Message")
    expect(box).to_have_value("She opened the gate.")
    box.fill("She *burned* the gate.")
    page.get_by_role("button", name="Save").click()
    says(chat, "She burned the gate.")
    expect(chat.answer.locator(".receipt")).to_contain_text("Edited")
    expect(chat.answer).to_contain_text("2 / 2")
    assert len(answers_asked(upstream.log())) == 1

    upstream.says(" And left.")
    chat.deed("Continue").click()
    says(chat, "She burned the gate. And left.")
    upstream.says("Two")
    chat.box.fill("Second")
    chat.send.click()
    says(chat, "Two")

    assert [turn["content"] for turn in answers_asked(upstream.log())[-1]["body"]["messages"]] == [
        "First",
        "She *burned* the gate. And left.",
        "Second",
    ]
    # An address without a fragment is loaded again: an open menu covers other messages on a phone.
    path = chat.page.url.partition("#")[0]
    expect(chat.deed("Continue")).to_be_visible()
    page.goto(path)
    fork = deed_of(page.locator("article").nth(1), "Branch into new chat")
    expect(fork).to_be_visible()
    expect(fork.locator("..").get_by_role("button", name="Continue")).to_have_count(0)
    page.goto(path)
    chat.deed("Delete").click()
    upstream.says("Another")
    page.locator("article[data-role=user]").last.get_by_role("button", name="Try again").click()
    says(chat, "Another")
    expect(page.locator("article[data-role=user]").get_by_role("button", name="Try again")).to_have_count(0)


def test_arrows_show_the_versions_of_the_last_answer(server: Server, visit: Visit, upstream: Upstream) -> None:
    upstream.says("One")
    chat = visit(server).begin("First")
    says(chat, "One")
    upstream.says("Two")
    chat.again.click()
    says(chat, "Two")
    expect(chat.answer).to_contain_text("2 / 2")

    chat.box.fill("Typed")
    chat.box.press("ArrowLeft")
    expect(chat.answer).to_contain_text("2 / 2")
    chat.box.fill("")
    chat.box.press("ArrowLeft")
    says(chat, "One")
    expect(chat.box).to_be_focused()
    chat.box.press("ArrowRight")
    says(chat, "Two")
    chat.box.blur()
    chat.page.keyboard.press("ArrowLeft")
    says(chat, "One")
    chat.page.keyboard.press("ArrowLeft")
    chat.page.keyboard.press("Shift+ArrowRight")
    expect(chat.answer).to_contain_text("1 / 2")
    chat.page.keyboard.press("ArrowRight")
    says(chat, "Two")

    upstream.says("Three")
    chat.ask("Second")
    says(chat, "Three")
    chat.box.blur()
    chat.page.keyboard.press("ArrowLeft")
    expect(chat.page.locator("article").nth(1)).to_contain_text("2 / 2")
    expect(chat.text).to_have_text("Three")


def test_who_leaves_a_half_written_edit_is_asked_first(server: Server, visit: Visit, upstream: Upstream) -> None:
    upstream.says("She opened the gate.")
    person = visit(server)
    chat = person.begin("First")
    says(chat, "She opened the gate.")
    page = chat.page
    chat.deed("Edit").click()
    box = page.locator("article").get_by_role("textbox", name="Message")
    box.fill("She *burned* the")

    page.get_by_role("link", name="New chat").first.click(no_wait_after=True)
    until(page, lambda: person.oddities)
    assert person.oddities.pop().startswith("dialog")
    expect(box).to_have_value("She *burned* the")

    page.get_by_role("link", name="Cancel").click()
    says(chat, "She opened the gate.")
    page.get_by_role("link", name="New chat").first.click()
    page.wait_for_url(person.url + "/")


def test_a_message_is_corrected_where_it_stands_and_what_follows_stays(server: Server, visit: Visit, upstream: Upstream) -> None:
    upstream.says("One")
    chat = visit(server).begin("First")
    says(chat, "One")
    page = chat.page
    for question, answer in (("Second", "Two " * 300), ("Third", "Three " * 300)):
        upstream.says(answer)
        chat.box.fill(question)
        chat.send.click()
        says(chat, answer.strip())
    second = page.locator("article").nth(2)
    second.hover()
    second.get_by_role("button", name="Edit").click()
    box = page.locator("article").get_by_role("textbox", name="Message")
    top = box.bounding_box()
    box.fill("Second, corrected")
    page.get_by_role("button", name="Save without a new answer").click()

    corrected = page.locator("article", has_text="Second, corrected")
    expect(corrected).to_be_focused()
    expect(page.locator("article")).to_have_count(6)
    assert len(answers_asked(upstream.log())) == 3
    now = corrected.bounding_box()
    assert top
    assert now
    assert abs(now["y"] - top["y"]) < 60
