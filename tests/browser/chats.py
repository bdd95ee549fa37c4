"""Users and chat pages for browser tests: what can be seen, typed and pressed."""

import re
import time
from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import urljoin, urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Dialog, Locator, Page, Request, Response, Route, expect

from webapp.rendering import markdown
from webapp.rendering.footnotes import scoped

EMAIL, PASSWORD = "owner@example.org", "a quiet river at night"
ENDED = ("completed", "stopped", "interrupted", "failed")
# Runs before any script of the page: records every status of an answer, and every layout shift.
RECORDER = """
window.statuses = [], window.shifts = [];
new MutationObserver(() => {
  const status = [...document.querySelectorAll('article[data-role=assistant]')].at(-1)?.dataset.status;
  if (status && statuses.at(-1) !== status) statuses.push(status);
}).observe(document, {subtree: true, childList: true, attributes: true, attributeFilter: ['data-status']});
new PerformanceObserver(list => list.getEntries().forEach(entry => entry.hadRecentInput || shifts.push({
  value: entry.value, at: entry.startTime,
  what: entry.sources.map(source => source.node?.id || source.node?.className || source.node?.nodeName),
}))).observe({type: 'layout-shift', buffered: true});
"""
AS_PARSED = "html => { const box = document.createElement('div'); box.innerHTML = html; return box.innerHTML; }"
IS_FURTHER_UP = (
    "far => new Promise(requestAnimationFrame).then(() => document.documentElement.scrollHeight - innerHeight - scrollY > far)"
)
REMEMBER = """control => new MutationObserver(() => {
  control.dataset.said = `${control.dataset.said ?? ''} ${control.textContent}`;
}).observe(control, {subtree: true, childList: true})"""
HEAR = """() => {
  window.heard = [];
  const region = document.getElementById('announcer');
  new MutationObserver(() => heard.push(region.textContent)).observe(region, {childList: true});
}"""
RESTS = """control => new Promise(done => {
  let before = '';
  const look = () => {
    const { x, y } = control.getBoundingClientRect(), now = `${x} ${y}`;
    if (now === before) done();
    else setTimeout(look, 150);
    before = now;
  };
  look();
})"""
HIDE = """hidden => {
  Object.defineProperty(document, 'hidden', {configurable: true, get: () => hidden});
  document.dispatchEvent(new Event('visibilitychange'));
}"""


class Person:
    """A separate browser context on one server. Anything a page must never do is recorded in `oddities`."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.url, self.oddities, self.requests = url, list[str](), list[Request]()
        self.home, self.welcome = url, [url]
        self._has_scripts = options.get("java_script_enabled", True)
        # What a service worker asks for can't be seen or stopped by a test, so only test_offline.py has one.
        options = {"viewport": {"width": 1100, "height": 720}, "service_workers": "block", **options}
        self.context = browser.new_context(base_url=url, **options)
        if self._has_scripts:
            self.context.add_init_script(RECORDER)
        self.context.on("console", self._hear)
        self.context.on("weberror", lambda error: self.oddities.append(f"error: {error.error}"))
        self.context.on("dialog", self._dismiss)
        self.context.on("request", self._see)

    def go_far(self, name: str) -> None:
        """Opens pages by this name from now on, with the same session."""
        self.home = self.url.replace("127.0.0.1", name)
        self.welcome.append(self.home)
        cookies: list[Any] = [{**cookie, "domain": name} for cookie in self.context.cookies()]
        self.context.add_cookies(cookies)

    def open(self, path: str = "/") -> Page:
        page = self.context.new_page()
        page.goto(urljoin(self.home, path))
        return page

    def begin(self, text: str, **fields: str) -> "ChatPage":
        """Starts a chat without opening the first page, which would cost as much as the chat's, and opens the chat."""
        return ChatPage(self.open(self.post_first(text, **fields)))

    def post_first(self, text: str, **fields: str) -> str:
        """Starts a chat with the first page's form, without opening a page, and returns the chat's address."""
        form: dict[str, Any] = {"message": text, **fields}
        made = self.context.request.post("/chats", form=form, headers={"Origin": self.url}, max_redirects=0)
        assert made.status == 303, made.text()
        return str(made.headers["location"])

    def begin_by_hand(self, text: str) -> "ChatPage":
        """Starts a chat on the first page."""
        page = self.open("/")
        chat = ChatPage(page)
        chat.box.fill(text)
        chat.send.click()
        page.wait_for_url("**/chats/*")
        return chat

    def look_at(self, chat: "ChatPage") -> "ChatPage":
        """Opens the same chat in another tab."""
        return ChatPage(self.open(chat.page.url))

    def leave(self) -> None:
        self.context.close()

    def _hear(self, message: ConsoleMessage) -> None:
        if any(words in message.text for words in ("Content Security Policy", "Refused to", "Uncaught")):
            self.oddities.append(message.text)

    def _dismiss(self, dialog: Dialog) -> None:
        self.oddities.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _see(self, request: Request) -> None:
        self.requests.append(request)
        if not request.url.startswith((*(f"{url}/" for url in self.welcome), "data:", "about:")):
            self.oddities.append(f"request to {request.url}")


class ChatPage:
    """A tab with a chat."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.box = page.get_by_role("textbox", name="Message")
        self.send = page.get_by_role("button", name="Send", exact=True)
        self.stop = page.get_by_role("button", name="Stop")
        self.status_line = page.locator("#status-line")

    @property
    def answer(self) -> Locator:
        return self.page.locator("article[data-role=assistant]").last

    @property
    def go_on(self) -> Locator:
        return self.answer.get_by_role("button", name="Continue")

    @property
    def again(self) -> Locator:
        return self.answer.get_by_role("button", name="Try again")

    def deed(self, name: str) -> Locator:
        """Opens the menu below the answer, and returns one of its buttons."""
        return deed_of(self.answer, name)

    @property
    def text(self) -> Locator:
        return self.answer.locator(".message-text")

    @property
    def path(self) -> str:
        """The chat's address, without the position within its page."""
        return urlsplit(self.page.url).path

    def ask(self, text: str) -> None:
        """Sends a message with Ctrl+Enter, which works everywhere: on a phone Enter alone inserts a line break."""
        before = self.page.locator("article").count()
        self.box.fill(text)
        self.box.press("Control+Enter")
        expect(self.page.locator("article")).to_have_count(before + 2)

    def status(self) -> str:
        return self.answer.get_attribute("data-status") or ""

    def expect(self, status: str, seconds: float = 60) -> None:
        """Waits until the last answer has this status and, if it is final, until its notices and buttons have arrived."""
        expect(self.answer).to_have_attribute("data-status", status, timeout=seconds * 1000)
        if status in ENDED:
            expect(self.answer.locator(".tail")).to_have_count(0)
            # The buttons replace existing ones: a menu that was opened earlier would close again.
            expect(self.answer.locator(".actions")).to_have_count(1)

    def has_ended(self) -> bool:
        return self.status() in ENDED

    def html(self) -> str:
        # The ticket of a diagram's frame is of the moment in which it was seen.
        return re.sub(r"ticket=[\w.-]+", "", str(self.text.evaluate("element => element.innerHTML")))

    def seen(self) -> str:
        return self.text.text_content() or ""

    def wait_for(self, words: str, seconds: float = 60) -> None:
        expect(self.text).to_contain_text(words, timeout=seconds * 1000)

    def wait_for_chars(self, count: int, seconds: float = 60) -> None:
        """Waits until this many characters of the answer, or all of it, are on the page."""
        self.page.wait_for_function(
            """([count, ended]) => {
              const article = [...document.querySelectorAll('article[data-role=assistant]')].at(-1);
              return article.querySelector('.message-text').textContent.length >= count || ended.includes(article.dataset.status);
            }""",
            arg=[count, ENDED],
            timeout=seconds * 1000,
        )

    def raw(self) -> str:
        """Returns the answer's raw text, from its address."""
        id = (self.answer.get_attribute("id") or "").removeprefix("message-")
        return self.page.request.get(f"/messages/{id}.md").text()

    def is_connected(self) -> bool:
        """Whether the page is connected to the chat's event stream."""
        return bool(self.page.evaluate("Boolean(document.getElementById('thread')._htmx?.sse?.reader)"))

    def hide(self, is_hidden: bool = True) -> None:
        self.page.evaluate(HIDE, is_hidden)

    def rendered(self, text: str) -> str:
        """Returns the HTML of a text that is rendered in one piece, as that of the answer, and parsed by this browser."""
        id = str(self.text.get_attribute("id")).split("-")[1]
        return str(self.page.evaluate(AS_PARSED, scoped(markdown.render(text), id)))


def become_owner(page: Page) -> None:
    """Fills in the form that the set-up link opens."""
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Name").fill("Ada")
    page.get_by_label("Password").fill(PASSWORD)
    press(page, page.get_by_role("button", name="Create owner"))


def sign_in(page: Page, password: str = PASSWORD, *, email: str = EMAIL) -> None:
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    press(page, page.get_by_role("button", name="Sign in"))


def deed_of(message: Locator, name: str) -> Locator:
    """Returns a button of a message: beside it, in its menu, which is opened, or, without scripts, behind its link."""
    if (link := message.get_by_role("link", name="Actions")).is_visible():
        page = message.page
        link.click()
        return page.locator("main").get_by_role("button", name=name)
    if message.get_attribute("data-role") == "assistant" and not message.locator(".deeds").is_visible():
        message.get_by_role("button", name="More").click()
        button = message.get_by_role("button", name=name)
        if not button.count():
            message.locator(".deeds summary", has_text="More").click()
        # A menu that is scrolled to moves with its page for a moment, and a click beside it would close it.
        button.scroll_into_view_if_needed()
        button.evaluate(RESTS)
    return message.get_by_role("button", name=name)


def press(page: Page, button: Locator) -> None:
    """Presses a button or a link that leads to another page, and waits for that page: loaded, or swapped in."""
    # A navigation is for Playwright also a scroll position that is noted in the history.
    page.locator("#main").evaluate("main => main.setAttribute('data-left', '')")
    button.click()
    page.locator("#main:not([data-left])").wait_for(state="attached")
    page.wait_for_load_state()


def load_later(page: Page) -> None:
    """Waits for the scripts that a page loads when it is complete: a link that they take works without them, too."""
    page.evaluate("() => millrace.later(document)")


def load(page: Page, button: Locator) -> Response:
    """Presses a button that loads another page, and returns its response."""
    with page.expect_response(_of_document) as document:
        press(page, button)
    return document.value


def _of_document(response: Response) -> bool:
    return response.request.is_navigation_request() and not 300 <= response.status < 400


def sign_out(page: Page) -> None:
    """Signs out by the menu in the corner of the sidebar."""
    page.get_by_role("button", name="account menu").click()
    press(page, page.get_by_role("button", name="Sign out"))


def new_collection(page: Page, name: str) -> None:
    """Creates a collection on *Knowledge*; where there are none yet, the form is already open."""
    if not page.get_by_role("textbox", name="Name").is_visible():
        page.locator("summary", has_text="New collection").click()
    page.get_by_role("textbox", name="Name").fill(name)
    press(page, page.get_by_role("button", name="Create collection"))


def reload(page: Page, wait_until: Literal["commit", "load"] = "load") -> Response:
    """Reloads with JavaScript: the DevTools protocol fails while one document replaces another."""
    # Of Playwright's calls that evaluate JavaScript, only this one is retried when the document is replaced during it.
    page.wait_for_function("true")
    with page.expect_response(_of_document) as document:
        # In a task of its own: the value of this script is sent before its document is left.
        page.evaluate("document.documentElement.setAttribute('data-left', ''); setTimeout(() => location.reload())")
    page.locator("html:not([data-left])").wait_for(state="attached")
    if wait_until == "load":
        page.wait_for_load_state()
    return document.value


def press_while_it_refreshes(control: Locator) -> None:
    """Clicks in one step, as a page that refreshes itself could be replaced between mouse down and mouse up."""
    control.dispatch_event("click")


def read_further_up(page: Page, pixels: int) -> None:
    """Scrolls up with the wheel, again if the page jumps back to its end, as it does after a small distance."""
    page.mouse.move(300, 300)

    def turned() -> object:
        page.mouse.wheel(0, -pixels)
        return page.evaluate(IS_FURTHER_UP, pixels / 2)

    until(page, turned)


def copied(control: Locator, press: Callable[[Locator], object] = lambda control: control.click()) -> None:
    """Presses a copy button and waits for its confirmation, which is shown only for a moment."""
    control.evaluate(REMEMBER)
    press(control)
    expect(control).to_have_attribute("data-said", re.compile("Copied"))


def answers_asked(log: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns the requests for answers, without the lookups of costs that follow."""
    return [entry for entry in log if entry["path"].endswith("/chat/completions")]


def layout_shift(shifts: list[dict[str, Any]]) -> float:
    """Chromium's own measure: the largest sum of shifts less than a second apart, over at most five seconds."""
    worst = begun_at = last_at = total = 0.0
    for shift in shifts:
        if shift["at"] - last_at > 1_000 or shift["at"] - begun_at > 5_000:
            begun_at, total = shift["at"], 0.0
        last_at, total = shift["at"], total + shift["value"]
        worst = max(worst, total)
    return worst


def held(page: Page, path: str) -> list[Route]:
    """Holds requests to this path until the test releases them."""
    waiting: list[Route] = []
    page.route(path, lambda route: waiting.append(route))
    return waiting


def until(page: Page, is_so: Callable[[], object], seconds: float = 60) -> None:
    """Waits for a condition while Playwright still handles the browser's events."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not become so"
        page.wait_for_timeout(40)
