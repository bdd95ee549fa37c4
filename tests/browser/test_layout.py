"""The layout of pages: nothing overlaps, is squeezed, wraps without need, or is repeated."""

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.chats import ChatPage, layout_shift
from tests.browser.conftest import Visit
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 780}, "has_touch": True, "is_mobile": True}
COLUMNS = ("What it is", "What it does when the water comes", "Since", "Where it stands", "Who looks after it at night")
TABLE = "".join(f"| {' | '.join(row)} |\n" for row in (COLUMNS, ["---"] * 5, ["The gate lets the water in, evenly"] * 5))

DRAWN = """box => {
  const { width, height } = box.getBoundingClientRect();
  return [width, height, getComputedStyle(box).backgroundColor];
}"""


def box(place: Locator) -> dict[str, float]:
    found = place.bounding_box()
    assert found
    return dict(found)


def middle(place: Locator) -> float:
    return box(place)["y"] + box(place)["height"] / 2


def begun(server: Server, visit: Visit, **options: Any) -> ChatPage:
    chat = visit(server, **options).begin("Hello")
    chat.expect("completed")
    return chat


def test_a_chat_that_loses_the_network_says_so(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("Ready.")
    page = begun(server, visit).page
    lines = page.locator(".offline:visible, .status-line:visible:not(:empty)")
    expect(lines).to_have_count(0)
    page.context.set_offline(True)
    expect(lines).to_have_count(1)
    page.context.set_offline(False)
    expect(lines).to_have_count(0)


def test_what_an_interrupted_answer_offers_fits_on_one_line_of_a_phone(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.behaves([{"counted": 200, "cut_after": 20}])
    chat = visit(server, **PHONE).begin("Count")
    chat.expect("interrupted")
    buttons = [chat.answer.locator("[data-copy]").first, chat.go_on, chat.again, chat.answer.get_by_role("button", name="More")]
    assert len({round(middle(button)) for button in buttons}) == 1

    buttons[-1].click()
    menu = box(chat.answer.locator(".deeds"))
    assert menu["x"] + menu["width"] < 356


def test_many_columns_are_wide_enough_to_be_read_and_a_shadow_says_that_there_is_more(
    server: Server, upstream: Upstream, visit: Visit
) -> None:
    upstream.says(TABLE)
    chat = begun(server, visit, **PHONE)
    table = chat.text.locator(".table")
    assert table.evaluate("box => box.scrollWidth > box.clientWidth")
    assert box(table.locator("td").nth(1))["width"] >= 120
    assert "local" in table.evaluate("box => getComputedStyle(box).backgroundAttachment")


def test_a_moment_in_a_text_is_the_readers(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.behaves([{"counted": 200, "cut_after": 20}])
    chat = visit(server, timezone_id="America/New_York").begin("Count")
    chat.expect("interrupted")
    upstream.says("and so on.")
    chat.go_on.click()
    chat.expect("completed")
    expect(chat.text.locator(".seam")).to_have_text(re.compile(r"interrupted here · continued \d\d:\d\d$"))


LATE = """() => {
  const sent = window.fetch;
  window.fetch = async (...asked) => {
    const answer = await sent(...asked);
    await window.answered;
    return answer;
  };
  window.answered = new Promise((done) => { window.answer = done; });
}"""


def test_a_slider_shows_what_was_typed_when_the_answer_to_its_last_value_comes(
    server: Server, upstream: Upstream, visit: Visit
) -> None:
    upstream.says("Ready.")
    page = begun(server, visit).page
    page.get_by_role("button", name="Chat settings").click()
    expect(page.get_by_role("slider")).to_be_visible()
    page.evaluate(LATE)
    page.get_by_role("slider").press("Home")
    expect(page.locator(".creativity output")).to_have_text("Precise")
    page.get_by_label("Creativity").fill("0.9")
    page.evaluate("window.answer()")
    expect(page.get_by_text("Saved. Applies")).to_be_visible()
    expect(page.locator(".creativity output")).to_have_text("Balanced")
    expect(page.get_by_role("slider")).to_have_attribute("aria-valuetext", "Balanced, 0.9")


@pytest.mark.parametrize("device", [PHONE, {}], ids=["phone", "desk"])
def test_a_checked_box_looks_checked(server: Server, visit: Visit, device: dict[str, Any]) -> None:
    page = visit(server, **device).open("/")
    for path in ("/settings/sidebar", "/admin/home/1", "/prompts/new"):
        page.goto(path)
        box = page.locator("main").get_by_role("checkbox").first
        colors = []
        for is_checked in (True, False):
            box.set_checked(is_checked)
            width, height, *color = box.evaluate(DRAWN)
            assert (width, abs(width - height) < 1) == (pytest.approx(17, abs=2), True), path
            colors.append(color)
        assert colors[0] != colors[1], path


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_moves_when_streaming_has_been_measured(server: Server, visit: Visit, width: int) -> None:
    page = visit(server, viewport={"width": width, "height": 900}).open("/admin/health")
    expect(page.locator("[data-measured]")).to_have_text(re.compile("pieces"))
    assert layout_shift(page.evaluate("shifts")) <= 0.01


def test_a_form_that_arrives_has_the_focus_without_a_word_in_the_console(
    server: Server, upstream: Upstream, visit: Visit
) -> None:
    upstream.says("Ready.")
    page, words = begun(server, visit).page, list[str]()
    page.on("console", lambda message: message.text.endswith("blocked by Playwright") or words.append(message.text))
    page.get_by_role("button", name="Edit", exact=True).first.press("Enter")
    expect(page.locator(".edit textarea")).to_be_focused()
    page.locator(".top__title").press("Enter")
    expect(page.locator("#rename-title")).to_be_focused()
    assert words == []


def test_parameters_are_changed_beside_the_composer(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("Ready.")
    chat = begun(server, visit)
    page, path = chat.page, chat.path
    chat.box.fill("Not sent yet")
    page.get_by_role("button", name="Chat settings").click()
    # By the slider's keys, and said in words.
    page.get_by_role("slider").press("Home")
    expect(page.locator(".creativity output")).to_have_text("Precise")
    expect(page.get_by_label("Creativity")).to_have_value("0")
    page.get_by_label("Creativity").fill("0.9")
    expect(page.locator(".creativity output")).to_have_text("Balanced")
    expect(page.get_by_role("slider")).to_have_attribute("aria-valuetext", "Balanced, 0.9")
    page.get_by_label("Creativity").press("Tab")
    expect(page.get_by_text("Saved. Applies")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_label("Creativity")).to_be_hidden()
    expect(chat.box).to_have_value("Not sent yet")
    assert chat.path == path
    page.goto(f"{path}/prompts")
    expect(page.get_by_label("Creativity")).to_have_value("0.9")
