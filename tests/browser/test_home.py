"""The home page in a browser: its greeting, its cards, and what runs elsewhere, with and without scripts."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.ways import DESKTOP, NO_SCRIPTS, PHONE
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow


def test_the_greeting_knows_the_time_of_day(server: Server, visit: Visit) -> None:
    person = visit(server, **DESKTOP, timezone_id="Pacific/Auckland")
    person.open("/chats")
    page = person.open("/")
    assert page.get_by_role("heading", level=1).inner_text().startswith("Good ")


@pytest.mark.parametrize("way", [DESKTOP, PHONE, NO_SCRIPTS], ids=["desktop", "phone", "no scripts"])
def test_a_card_leads_to_an_answer(server: Server, upstream: Upstream, visit: Visit, way: dict[str, object]) -> None:
    upstream.says("Monday: paint.")
    page = visit(server, **way).open("/")
    page.get_by_role("main").get_by_role("link", name="Plan my week").click()
    page.get_by_label("What do you want to get done?").fill("Paint the fence")
    page.get_by_role("button", name="Start chat").click()
    expect(page.locator("article[data-role=user]").first).to_contain_text("Paint the fence")
    assert "/chats/" in page.url


def test_the_text_of_a_card_is_edited_first_in_the_composer(server: Server, visit: Visit) -> None:
    page = visit(server, **DESKTOP).open("/begin/1")
    page.get_by_label("What should it say?").fill("Thank you")
    page.get_by_role("button", name="Edit the message first").click()
    box = page.get_by_label("Message", exact=True)
    expect(box).to_have_value(re.compile("Thank you"))
    box.fill("")


def test_what_runs_is_on_the_open_page_until_it_ends(server: Server, upstream: Upstream, visit: Visit) -> None:
    person = visit(server, **DESKTOP)
    home = person.open("/")
    upstream.counts(4_000, pace=0.05)
    chat = person.begin("Count slowly")
    row = home.locator("#open-work a", has_text="answering")
    expect(row).to_have_attribute("href", chat.path)
    upstream.over()
    expect(row).to_have_count(0)


CUT_OFF = """hint => {
  const box = hint.getBoundingClientRect();
  return [...hint.children].filter(part => {
    const {top, right} = part.getBoundingClientRect();
    return top < box.bottom - 1 && right > box.right + 1;
  }).map(part => part.textContent);
}"""


@pytest.mark.parametrize("language", ["en", "de"])
def test_hints_of_the_composer_are_shown_whole_or_not_at_all(server: Server, visit: Visit, language: str) -> None:
    page = visit(server, locale=language).open("/")
    for width in (900, 1280, 1440):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.locator(".row > .keys").evaluate(CUT_OFF) == [], width
        name = page.locator("#composer-picker [data-chosen]")
        assert name.evaluate("name => name.parentElement.scrollWidth <= name.parentElement.clientWidth"), width


@pytest.mark.parametrize("way", [DESKTOP, NO_SCRIPTS], ids=["desktop", "no scripts"])
def test_the_next_steps_are_dismissed(own_server: Server, visit: Visit, way: dict[str, object]) -> None:
    own_server.start()
    page = visit(own_server, **way).open("/")
    expect(page.locator("#checklist")).to_be_visible()
    page.get_by_role("button", name="Dismiss").click()
    expect(page.locator("#checklist")).to_have_count(0)
    page.reload()
    expect(page.locator("#checklist")).to_have_count(0)
