"""Accessibility: axe's rules, keyboard access, contrast, and no movement of text that is being read."""

import re
from collections.abc import Callable, Sequence

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chats import ChatPage, Person, layout_shift, reload
from tests.browser.conftest import Visit
from tests.browser.places import LOOSE_TABLES, Atlas, is_page, named_at_length
from tests.browser.texts import RICH
from tests.support.rounds import ROUNDS
from tests.support.server import ROOT, Server
from tests.upstream.handle import Upstream

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# None of these rules needs the style sheets, which axe would otherwise load again each time.
LOOK = """rules => axe.run({runOnly: rules, resultTypes: ['violations'], preload: {assets: ['media']}}).then(
  found => found.violations.map(each =>
  `${each.id}: ${each.help}: ${each.nodes.map(node => node.target + ' ' + node.failureSummary).join(' | ')}`))"""
LOOK_WITHIN = LOOK.replace("rules => axe.run({", "([within, rules]) => axe.run(within, {", 1)
# The reference of the API describes hundreds of operations alike: axe takes five seconds for them, even to leave them out.
LEAVE_ONE_OF_EACH = "document.querySelectorAll('.operation ~ .operation').forEach(each => each.remove())"
NAME = """(() => {
  const here = document.activeElement;
  return here === document.body ? '' : (here.labels?.[0]?.innerText || here.innerText || here.title || here.id).trim();
})()"""
# The position of each block of the answer, in every frame; a line that turns out to be a table moves by a few pixels.
MOVES = """
window.tops = [], window.moves = [];
(function look() {
  const text = document.querySelector('article[data-role=assistant] .message-text');
  const blocks = [...text?.children ?? []].flatMap(block => block.matches('.tail, .group') ? [...block.children] : [block]);
  blocks.forEach((block, place) => {
    const top = block.getBoundingClientRect().top - text.getBoundingClientRect().top;
    if (Math.abs(top - (tops[place] ?? top)) > 4) moves.push(`${block.localName} ${place} from ${tops[place]} to ${top}`);
    tops[place] = top;
  });
  requestAnimationFrame(look);
})();
"""
BEGUN, ENDED = "The answer has started.", "The answer is complete."
HEAR = """region => {
  window.heard = [];
  new MutationObserver(() => heard.push(region.textContent)).observe(region, {childList: true});
}"""
WIDE, NARROW = 1440, 390
WIDTHS = pytest.mark.parametrize("width", [NARROW, WIDE])
EVERY_LOOK = [(width, scheme) for width in (NARROW, WIDE) for scheme in ("light", "dark")]
# Colours do not depend on the width, nor the layout on the colours.
TWO_LOOKS = [(NARROW, "dark"), (WIDE, "light")]
NARROWEST, WIDEST = 320, 2560
SCHEMES = {NARROWEST: "dark", WIDEST: "light"}
HEIGHT = 900
# What is around `main` is the same on all pages, or all of the administration.
EACH_LAYOUT = ("/", "/admin")
# Readable lines have at most about seventy letters, however wide the window is.
LONGEST_LINE = """Math.max(0, ...[...document.querySelectorAll("main p")]
  .filter(each => each.textContent.length > 120).map(each => each.getBoundingClientRect().width))"""


def violations(page: Page, looks: Sequence[tuple[int, str]] = TWO_LOOKS, within: str = "html") -> list[str]:
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(AXE.read_text("utf-8"))
    if ROUNDS == 1:
        page.evaluate(LEAVE_ONE_OF_EACH)
    found: list[str] = []
    for width, scheme in looks:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": HEIGHT})
        found += [f"{page.url} {width} {scheme} {violation}" for violation in page.evaluate(LOOK_WITHIN, [within, RULES])]
    return found


def overflows(page: Page) -> list[str]:
    """Returns a fault if the page scrolls sideways, or has lines that are too long to read."""
    return misfits(page, NARROWEST) + misfits(page, WIDEST)


def misfits(page: Page, width: int) -> list[str]:
    """Returns what is wrong in the narrowest or the widest window."""
    page.set_viewport_size({"width": width, "height": HEIGHT})
    if width == WIDEST:
        line = page.evaluate(LONGEST_LINE)
        return [f"{page.url} has lines of {line}"] * (line > 800)
    total, loose = page.evaluate("document.documentElement.scrollWidth"), page.evaluate(LOOSE_TABLES)
    return [f"{page.url} is {total} wide"] * (total > width) + [f"{page.url} has a loose table: {loose}"] * bool(loose)


def rich(person: Person, upstream: Upstream) -> ChatPage:
    upstream.says(RICH[:1_500], reasoning="A thought.")
    return ended(person.begin("Tell me about mills"), "completed")


def broken(person: Person, upstream: Upstream) -> ChatPage:
    upstream.counts(20, cut_after=10, cut="rst")
    return ended(person.begin("Count"), "interrupted")


def failed(person: Person, _: Upstream) -> ChatPage:
    # Here the demo steps in for a model that fails, and none for the demo.
    return ended(person.begin("Anything", model="demo/rate-limited"), "failed")


def running(person: Person, upstream: Upstream) -> ChatPage:
    upstream.says(RICH[:2_000], reasoning="A thought.", pace=0.05)
    chat = person.begin("Slowly please")
    chat.wait_for("a first thing")
    return chat


def ended(chat: ChatPage, status: str) -> ChatPage:
    chat.expect(status)
    return chat


@pytest.mark.rounds
@pytest.mark.mostly_deep(2)
@pytest.mark.parametrize("state", [rich, broken, failed, running])
def test_chats_have_no_known_barriers(
    server: Server, upstream: Upstream, visit: Visit, state: Callable[[Person, Upstream], ChatPage]
) -> None:
    page = state(visit(server, reduced_motion="reduce"), upstream).page
    assert violations(page, EVERY_LOOK if ROUNDS > 1 else TWO_LOOKS) + overflows(page) == []


@pytest.mark.rounds
@pytest.mark.timeout(300)
def test_no_page_has_known_barriers_or_needs_scrolling_sideways(own_server: Server, upstream: Upstream, visit: Visit) -> None:
    own_server.lift_limits()
    own_server.start()
    upstream.says("Fine.")
    person = visit(own_server, reduced_motion="reduce")
    # Sent to the browser once, and not for every page.
    person.context.add_init_script(path=AXE)
    page = person.open("/")
    own_server.flask("seed")
    named_at_length(page)
    ended(person.begin(f"A chat for the lists, with {'a' * 80}"), "completed").page.close()
    found, seen, atlas = list[str](), set[str](), Atlas(own_server)
    waiting = atlas.plain()
    while waiting:
        path = waiting.pop()
        if path not in seen and is_page(page, path):
            seen.add(path)
            page.goto(path)
            waiting += [address for _, address in atlas.learn(page)]
            is_whole = ROUNDS > 1 or path in EACH_LAYOUT
            found += overflows(page) + violations(page) if is_whole else seen_once(page, len(seen))
    assert found == []
    assert {"/", "/chats", "/help", "/search", "/account", "/admin/keys", "/admin/health", "/admin/settings"} <= seen
    assert {"/insights/answers", "/knowledge", "/workflows/new", "/settings", "/admin/usage", "/experiments"} <= seen
    assert "/admin/home" in seen
    assert len([path for path in seen if path.startswith("/admin/")]) >= 18


def seen_once(page: Page, number: int) -> list[str]:
    """Returns the faults of a page in one look; the window already has one of its sizes, as another one costs a layout."""
    other, width = (NARROWEST, WIDEST) if number % 2 else (WIDEST, NARROWEST)
    return misfits(page, other) + misfits(page, width) + violations(page, [(width, SCHEMES[width])], "main")


def test_doors_have_no_known_barriers(server: Server, visit: Visit) -> None:
    page = visit(server, is_signed_in=False, reduced_motion="reduce").open("/login")
    found = []
    for path in ("/login", "/ai-demo", "/setup?token=wrong", "/invite/wrong", "/help", "/chats/not-there"):
        page.goto(path)
        found += violations(page) + overflows(page)
    assert found == []


def test_the_sheets_that_float_have_no_known_barriers(server: Server, visit: Visit) -> None:
    page = visit(server, reduced_motion="reduce").open("/settings")
    for key, name in (("?", "Help"), ("Control+k", "Search")):
        page.locator("body").press(key)
        expect(page.get_by_role("dialog", name=name)).to_be_visible()
        assert violations(page) == []
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_keyboard_reaches_what_the_mouse_does(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("Ready.")
    chat = visit(server).begin("Are you ready?")
    chat.expect("completed")
    reload(chat.page)
    names = stops(chat.page)
    assert {"Skip to content", "New chat", "Copy", "Try again", "Message", "Send"} <= set(names)
    assert [name for name in names if name.endswith("account menu")]
    upstream.counts(2_000, pace=0.03)
    chat.box.fill("Count")
    chat.box.press("Tab")
    chat.page.keyboard.press("Enter") if focused(chat.page) == "Send" else chat.send.press("Enter")
    chat.expect("responding")
    names = stops(chat.page)
    assert "Stop" in names
    chat.stop.focus()
    chat.page.keyboard.press("Enter")
    chat.expect("stopped")
    # The answer's buttons arrive a moment later.
    expect(chat.go_on).to_be_visible()
    assert "Continue" in stops(chat.page)


@pytest.mark.mostly_deep
@pytest.mark.parametrize("pressed", ["Continue", "Stop", "Try again"])
def test_focus_is_not_lost_when_a_pressed_button_goes(server: Server, upstream: Upstream, visit: Visit, pressed: str) -> None:
    upstream.counts(3_000, pace=0.02)
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
    if pressed != "Stop":
        chat.page.keyboard.press("Enter")
        chat.expect("stopped")


def test_focus_and_selection_survive_what_streams_in(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("The first answer stands.")
    chat = visit(server).begin("one")
    chat.expect("completed")
    expect(chat.page.locator(".sent-link")).to_be_attached()
    # A triple click would extend the selection to the start of the element below, which is replaced.
    paragraph = chat.page.locator("article[data-role=assistant] .message-text p").first
    paragraph.evaluate("paragraph => getSelection().selectAllChildren(paragraph)")
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


@pytest.mark.mostly_deep
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
    assert layout_shift(shifts) < 0.02, shifts


def test_steps_of_the_answer_are_spoken_once_and_the_log_is_not_live(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("Ready.", delay=0.5)
    chat = visit(server).begin("Are you ready?")
    chat.expect("completed")
    log, announcer = chat.page.get_by_role("log", name="Messages"), chat.page.locator("#announcer")
    expect(log).to_have_attribute("aria-live", "off")
    expect(log.locator("[aria-live], [role=status], [role=alert]")).to_have_count(0)
    expect(announcer).to_have_attribute("aria-live", "polite")
    expect(announcer).to_have_text(ENDED)
    announcer.evaluate(HEAR)
    upstream.counts(30, pace=0.02)
    chat.ask("Count")
    chat.expect("completed")
    # The announcement of the previous answer's end can still be there.
    chat.page.wait_for_function("end => heard.length > 1 && heard.at(-1) === end", arg=ENDED)
    heard = chat.page.evaluate("heard")
    assert (heard[0], heard[-1]) == (BEGUN, ENDED)
    assert (heard.count(BEGUN), heard.count(ENDED)) == (1, 1)


@pytest.mark.mostly_deep
@pytest.mark.parametrize("path", ["/", "/chats", "/login", "/ai-demo"])
def test_nothing_is_cut_off_on_a_narrow_screen_with_large_text(server: Server, visit: Visit, path: str) -> None:
    person = visit(server, is_signed_in=path in ("/", "/chats"), viewport={"width": 320, "height": 640})
    page = person.open(path)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    expect(page.locator("h1")).to_have_text(re.compile(r"\w"))


def focused(page: Page) -> str:
    return str(page.evaluate("(document.activeElement.innerText || document.activeElement.id).trim()"))


def stops(page: Page) -> list[str]:
    """Returns the accessible names of all elements that Tab reaches, in one round."""
    page.evaluate("document.activeElement.blur()")
    names: list[str] = []
    while len(names) < 400 and names.count("Skip to content") < 2:
        page.keyboard.press("Tab")
        names.append(str(page.evaluate(NAME)))
    return names
