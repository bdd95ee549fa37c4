"""For every eye, ear and hand: what axe finds, what the keyboard reaches, and that nothing moves that is being read."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chats import ChatPage, Person
from tests.browser.conftest import Visit
from tests.browser.texts import RICH
from tests.support.server import ROOT, Server
from tests.upstream.handle import Upstream

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LOOK = """rules => axe.run({runOnly: rules}).then(found => found.violations.map(
  each => `${each.id}: ${each.help}: ${each.nodes.map(node => node.target + ' ' + node.failureSummary).join(' | ')}`))"""
NAME = """(() => {
  const here = document.activeElement;
  return here === document.body ? '' : (here.labels?.[0]?.innerText || here.innerText || here.title || here.id).trim();
})()"""
# Where each block of the answer begins, in every frame; a line that turns out to be a table moves by a few pixels.
MOVES = """
window.tops = [], window.moves = [];
(function look() {
  const text = document.querySelector('article[data-role=assistant] .message-text');
  const blocks = [...text?.children ?? []].flatMap(block => block.matches('.tail') ? [...block.children] : [block]);
  blocks.forEach((block, place) => {
    const top = block.getBoundingClientRect().top - text.getBoundingClientRect().top;
    if (Math.abs(top - (tops[place] ?? top)) > 4) moves.push(`${block.localName} ${place} from ${tops[place]} to ${top}`);
    tops[place] = top;
  });
  requestAnimationFrame(look);
})();
"""
SCHEMES = pytest.mark.parametrize("scheme", ["light", "dark"])
WIDTHS = pytest.mark.parametrize("width", [390, 1440])


def violations(page: Page) -> list[str]:
    page.evaluate((ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8"))
    found: list[str] = page.evaluate(LOOK, RULES)
    return [f"{page.url} {each}" for each in found]


def rich(person: Person, upstream: Upstream) -> ChatPage:
    upstream.says(RICH[:1_500], reasoning="A thought.")
    return ended(person.begin("Tell me about mills"), "completed")


def broken(person: Person, upstream: Upstream) -> ChatPage:
    upstream.counts(20, cut_after=10, cut="rst")
    return ended(person.begin("Count"), "interrupted")


def failed(person: Person, upstream: Upstream) -> ChatPage:
    upstream.always({"status": 401, "json": {"error": {"message": "No"}}})
    return ended(person.begin("Anything"), "failed")


def running(person: Person, upstream: Upstream) -> ChatPage:
    upstream.says(RICH[:2_000], reasoning="A thought.", pace=0.05)
    chat = person.begin("Slowly please")
    chat.wait_for("a first thing")
    return chat


def ended(chat: ChatPage, status: str) -> ChatPage:
    chat.expect(status)
    return chat


@SCHEMES
@WIDTHS
@pytest.mark.parametrize("state", [rich, broken, failed, running])
def test_chats_have_no_known_barriers(
    server: Server,
    upstream: Upstream,
    visit: Visit,
    scheme: str,
    width: int,
    state: Callable[[Person, Upstream], ChatPage],
) -> None:
    person = visit(server, color_scheme=scheme, viewport={"width": width, "height": 900}, reduced_motion="reduce")
    assert violations(state(person, upstream).page) == []


@SCHEMES
def test_pages_have_no_known_barriers(server: Server, upstream: Upstream, visit: Visit, scheme: str) -> None:
    upstream.says("Fine.")
    look: dict[str, Any] = {"color_scheme": scheme, "reduced_motion": "reduce"}
    person, stranger = visit(server, **look), visit(server, is_signed_in=False, **look)
    ended(person.begin("A chat for the lists"), "completed")
    pages = [person.open(path) for path in ("/", "/chats", "/chats/not-there")]
    pages += [stranger.open(path) for path in ("/login", "/ai-demo", "/setup?token=wrong")]
    assert [each for page in pages for each in violations(page)] == []


def test_the_keyboard_reaches_what_the_mouse_does(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("Ready.")
    chat = visit(server).begin("Are you ready?")
    chat.expect("completed")
    chat.page.reload()
    assert {"Skip to the text", "New chat", "Sign out", "Copy", "Try again", "Message", "Send"} <= set(stops(chat.page))
    upstream.counts(300, pace=0.03)
    chat.box.fill("Count")
    chat.box.press("Tab")
    chat.page.keyboard.press("Enter") if focused(chat.page) == "Send" else chat.send.press("Enter")
    chat.expect("responding")
    names = stops(chat.page)
    assert "Stop" in names
    chat.stop.focus()
    chat.page.keyboard.press("Enter")
    chat.expect("stopped")
    assert "Continue" in stops(chat.page)


@pytest.mark.parametrize("pressed", ["Stop", "Continue", "Try again"])
def test_focus_is_not_lost_when_a_pressed_button_goes(server: Server, upstream: Upstream, visit: Visit, pressed: str) -> None:
    upstream.counts(300, pace=0.02)
    chat = visit(server).begin("Count")
    chat.wait_for("w000010")
    chat.stop.focus()
    chat.page.keyboard.press("Enter")
    chat.expect("stopped")
    if pressed != "Stop":
        chat.page.get_by_role("button", name=pressed).focus()
        chat.page.keyboard.press("Enter")
        chat.expect("responding")
    expect(chat.stop if pressed != "Stop" else chat.send).to_be_focused()


def test_focus_and_selection_survive_what_streams_in(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("The first answer stands.")
    chat = visit(server).begin("one")
    chat.expect("completed")
    chat.page.locator("article[data-role=assistant] .message-text p").first.click(click_count=3)
    selected = chat.page.evaluate("getSelection().toString().trim()")
    upstream.says(RICH[:2_000], pace=0.005)
    other = ChatPage(chat.page.context.new_page())
    other.page.goto(chat.page.url)
    copy = chat.page.get_by_role("button", name="Copy", exact=True).first
    copy.focus()
    other.ask("two")
    expect(chat.page.locator("article")).to_have_count(4)
    chat.expect("completed", seconds=30)
    assert chat.page.evaluate("getSelection().toString().trim()") == selected == "The first answer stands."
    expect(copy).to_be_focused()


@WIDTHS
def test_nothing_moves_that_is_being_read(server: Server, upstream: Upstream, visit: Visit, width: int) -> None:
    upstream.says(RICH[:2_500], pace=0.012, reasoning="First a thought of some words.")
    person = visit(server, viewport={"width": width, "height": 844})
    person.context.add_init_script(MOVES)
    chat = person.begin("Tell me about mills")
    chat.expect("completed", seconds=40)
    assert chat.page.evaluate("tops.length") > 20
    assert chat.page.evaluate("moves") == []
    chat.page.evaluate("shifts.length = 0")
    upstream.says("Short.", delay=0.5)
    chat.ask("Thank you")
    chat.expect("completed")
    shifts = chat.page.evaluate("shifts")
    assert sum(shift["value"] for shift in shifts) < 0.02, shifts


def test_steps_of_the_answer_are_spoken_once_and_the_text_is_not(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("Ready.")
    chat = visit(server).begin("Are you ready?")
    chat.expect("completed")
    expect(chat.page.get_by_role("log", name="Messages")).to_have_attribute("aria-live", "off")
    upstream.counts(30, pace=0.02)
    chat.ask("Count")
    expect(chat.page.locator("#announcer")).to_have_text("The answer has begun.")
    expect(chat.page.locator("#announcer")).to_have_text("The answer is complete.")


@pytest.mark.parametrize("path", ["/", "/chats", "/login", "/ai-demo"])
def test_nothing_is_cut_off_on_a_narrow_screen_with_large_text(server: Server, visit: Visit, path: str) -> None:
    person = visit(server, is_signed_in=path in ("/", "/chats"), viewport={"width": 320, "height": 640})
    page = person.open(path)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    expect(page.locator("h1")).to_have_text(re.compile(r"\w"))


def focused(page: Page) -> str:
    return str(page.evaluate("(document.activeElement.innerText || document.activeElement.id).trim()"))


def stops(page: Page) -> list[str]:
    """The names of everything that Tab comes to, once around."""
    page.evaluate("document.activeElement.blur()")
    names: list[str] = []
    while len(names) < 400 and names.count("Skip to the text") < 2:
        page.keyboard.press("Tab")
        names.append(str(page.evaluate(NAME)))
    return names
