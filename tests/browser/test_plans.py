"""A plan in a browser from the form to the last week, through reloads, a killed worker and on a phone."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chats import Person, layout_shift, press, reload, until
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import violations
from tests.support.server import Server, prepared

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

GOALS = "Finish the shelf\nAnswer old letters"
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "color_scheme": "dark"}
# The position of every card on the page, by id: existing cards must not move.
PLACES = """() => Object.fromEntries([...document.querySelectorAll('.week:not(.week--next), .part--there > .part__text')].map(
  card => [card.id, Math.round(card.getBoundingClientRect().top + scrollY)]))"""
FIRST_WORDS = "() => document.querySelector('#part-monthly_summary-text')?.textContent && performance.now()"
MOST_SHIFT = 0.02
# The form has a choice of its own, which comes first and would count.
NAMES_MODEL = """(form, value) => {
  form.elements.model?.remove();
  form.append(Object.assign(document.createElement('input'), {name: 'model', value, type: 'hidden'}));
}"""
# The number of finished weeks, once there are any, and of visible placeholders for coming ones.
PARTS = """() => {
  const all = [...document.querySelectorAll('.week')], coming = all.filter(each => each.matches('.week--next'));
  return coming.length < all.length && [all.length - coming.length, coming.filter(each => each.checkVisibility()).length];
}"""


@pytest.fixture(scope="module")
def plan_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with prepared(tmp_path_factory.mktemp("plans")) as server:
        server.lift_limits()
        server.start()
        yield server
        assert "Traceback" not in server.log


def begin(person: Person, goals: str = GOALS, *, model: str = "") -> Page:
    """Has a plan written, by a model that the form doesn't offer if one is named."""
    page = person.open("/plans/new?type=monthly")
    page.get_by_label("Goals").fill(goals)
    if model:
        page.locator(".plan-form").evaluate(NAMES_MODEL, model)
    press(page, page.get_by_role("button", name="Make my plan"))
    return page


def expect_status(page: Page, status: str, seconds: float = 40) -> None:
    expect(page.locator("#plan")).to_have_attribute("data-status", status, timeout=seconds * 1000)


def weeks(page: Page) -> int:
    return page.locator(".week:not(.week--next)").count()


def journalled(server: Server) -> str:
    """Returns the journal of the newest plan; earlier ones can still be being written."""
    newest = "SELECT max(id) FROM generations WHERE kind = 'plan'"
    query = f"SELECT entries FROM generation_journal WHERE generation_id = ({newest}) ORDER BY first_seq"
    return "".join(entries for (entries,) in server.rows(query))


def content(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(page.request.get(page.url.partition("?")[0].partition("#")[0] + ".json").text())
    return found


def test_the_journey_on_a_desk_and_on_a_phone_and_a_reload(plan_server: Server, visit: Visit) -> None:
    desk, phone = visit(plan_server), visit(plan_server, **PHONE)
    page = begin(desk)
    # Measured by the browser, from the press of the button.
    assert page.wait_for_function(FIRST_WORDS).json_value() < 10_000
    small, reloaded = begin(phone), begin(desk)
    listed = desk.open("/plans")
    expect(listed.locator("#plans .live")).to_have_count(3)
    listed.close()
    stand: dict[Page, dict[str, int]] = {page: {}, small: {}}
    has_reloaded = False
    while any(tab.locator("#plan").get_attribute("data-status") == "generating" for tab in (page, small)):
        for tab, known in stand.items():
            places: dict[str, int] = tab.evaluate(PLACES)
            assert {id: places.get(id) for id in known} == known, "a card has moved after it appeared"
            known.update(places)
        if not has_reloaded and (before := weeks(reloaded)):
            has_reloaded = bool(reload(reloaded))
            assert weeks(reloaded) >= before
        page.wait_for_timeout(700)
    for tab in (page, small, reloaded):
        expect_status(tab, "completed")
        expect(tab.locator(".week")).to_have_count(4)
        shifts = tab.evaluate("shifts")
        assert layout_shift(shifts) < MOST_SHIFT, shifts
        assert not tab.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert has_reloaded
    assert content(page) == content(reloaded) == content(small)

    tick = page.get_by_role("checkbox").first
    tick.click()
    expect(tick).to_have_attribute("aria-checked", "true")
    press(page, page.get_by_role("link", name="Edit Week 2"))
    page.get_by_label("Focus").fill("One thing finished")
    press(page, page.get_by_role("button", name="Save"))
    expect(page.locator("#part-weeks-1 .week__name")).to_have_text("One thing finished")
    for tab in (page, small, reloaded):
        tab.close()


def test_stopped_by_a_key_and_finished_by_a_key(plan_server: Server, visit: Visit) -> None:
    page = begin(visit(plan_server))
    expect(page.locator("#part-weeks-0.week--next")).to_have_count(0)
    page.keyboard.press("s")
    expect_status(page, "partial")
    expect(page.locator(".strip")).to_contain_text(re.compile(r"Saved up to week \d of 4"))
    before = content(page)
    page.keyboard.press("f")
    expect_status(page, "completed")
    assert content(page)["weeks"][: len(before["weeks"])] == before["weeks"]
    assert len(content(page)["weeks"]) == 4


def test_killed_after_the_second_week_it_is_partial_and_can_be_finished(plan_server: Server, visit: Visit) -> None:
    page = begin(visit(plan_server))
    until(page, lambda: journalled(plan_server).count("focus") >= 3, seconds=40)
    plan_server.kill()
    plan_server.start()
    expect_status(page, "partial", seconds=60)
    expect(page.locator(".strip")).to_contain_text("The server was restarted")
    saved = content(page)["weeks"]
    assert len(saved) >= 2
    page.get_by_role("button", name="Finish it").click()
    expect_status(page, "completed")
    assert content(page)["weeks"][: len(saved)] == saved
    assert weeks(page) == 4


def test_a_lost_connection_is_counted_down_found_again_and_can_be_done_without(plan_server: Server, visit: Visit) -> None:
    page = begin(visit(plan_server))
    until(page, lambda: weeks(page) >= 1, seconds=30)
    expect(page.locator(".lost__ways")).to_be_hidden()
    page.route("**/events*", lambda route: route.abort())
    page.evaluate("document.getElementById('plan-feed')._htmx.sse.reader.cancel()")
    expect(page.locator("#status-line")).to_contain_text("Connection lost")
    expect(page.locator("#countdown")).to_have_text(re.compile(r"^in \d+ s$"))
    assert violations(page) == []
    # By now back-off has made the retry interval long, so it must be the button that reconnects.
    page.wait_for_function("() => parseInt(document.getElementById('countdown').textContent.slice(3)) > 9", timeout=90_000)
    page.unroute("**/events*")
    page.get_by_role("button", name="Reconnect").click()
    expect(page.locator(".lost__ways")).to_be_hidden(timeout=9_000)
    expect_status(page, "completed")
    assert weeks(page) == 4


def test_without_streaming_a_page_comes_to_its_end_by_itself(plan_server: Server, visit: Visit) -> None:
    page = begin(visit(plan_server))
    page.goto(page.url.partition("#")[0] + "?stream=no")
    assert "stream=no" in page.url
    expect_status(page, "completed")
    expect(page.locator(".week")).to_have_count(4)


def test_the_coming_ones_have_their_places(plan_server: Server, visit: Visit) -> None:
    page = begin(visit(plan_server))
    expect(page.locator(".week--next").nth(3)).to_be_visible()
    # The seconds are only shown from the third one.
    seconds = page.locator(".plan-bar__time")
    expect(seconds).not_to_be_empty()
    found = re.fullmatch(r"\s*· (\d+) s", seconds.inner_text())
    assert found
    assert int(found[1]) >= 3
    there, coming = page.wait_for_function(PARTS).json_value()
    assert there + coming == 4


def test_help_names_the_keys_which_are_its_own_while_it_is_open(plan_server: Server, visit: Visit) -> None:
    page = begin(visit(plan_server), model="demo/slow")
    page.wait_for_function(FIRST_WORDS)
    page.keyboard.press("?")
    expect(page.locator("#sheet kbd").first).to_be_visible()
    keys = page.locator("#sheet kbd").all_inner_texts()
    assert {"s", "f"} <= set(keys)
    page.keyboard.press("s")
    page.keyboard.press("Escape")
    expect(page.locator("#sheet")).to_be_hidden()
    expect_status(page, "generating")
    page.keyboard.press("s")
    expect_status(page, "partial")
