"""What a click in the sidebar, a message and a cold chat take of a Chromium, on a server of its own."""

import random
import sqlite3
import statistics
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.archive import Archive, Texts
from bench.figures import percentile
from bench.in_browser import NO_BROWSER, chromium
from bench.servers import UNLIMITED, environ_of, flask, serving, set_settings
from bench.verdict import Bar, Verdict, drift
from webapp.people.accounts import service as accounts

EMAIL, PASSWORD = "bench@example.org", "measured and found wanting"
CHATS, MESSAGES, LONG = 30, 12, 200
MOST_CLICK_MS, MOST_RESTED_MS, MOST_KB, MOST_SHEETS, MOST_SCRIPTS = 120.0, 90.0, 45.0, 3, 8
# From Enter to the frame with one's own message, in a chat of `MESSAGES` and in one of `LONG`.
MOST_SENT_MS, MOST_SENT_LONG_MS = 30.0, 40.0
MOST_COLD_KB, MOST_REQUESTS = 180.0, 14
REST_MS, SETTLED_MS = 250, 1_500
LONGEST = "SELECT chat_id FROM messages GROUP BY chat_id ORDER BY count(*) DESC LIMIT 1"
LINKS = "links => links.map(link => link.getAttribute('href'))"
# Resolves when a frame with the next chat has been painted; never, if the page was loaded again.
CLICK = """path => new Promise(done => {
  const began = performance.now(), before = document.querySelector('#thread');
  const look = () => {
    const thread = document.querySelector('#thread');
    if (thread && thread !== before && location.pathname === path) setTimeout(() => done(performance.now() - began));
    else requestAnimationFrame(look);
  };
  document.querySelector(`#sidebar-chats a[href='${path}']`).click();
  requestAnimationFrame(look);
})"""
# Resolves when the frame with the message that Enter sends has been drawn.
SENT = """() => { window.sent = new Promise(done => {
  let began = 0;
  addEventListener('keydown', event => (began = event.timeStamp), {capture: true, once: true});
  new MutationObserver((_, observer) => {
    if (!document.querySelector('#sending p')?.textContent) return;
    observer.disconnect();
    requestAnimationFrame(() => {
      const drawn = new MessageChannel();
      drawn.port1.onmessage = () => done(performance.now() - began);
      drawn.port2.postMessage(0);
    });
  }).observe(document.body, {childList: true, subtree: true, characterData: true});
}); }"""
Say = Callable[[str], None]


def fill() -> None:
    """Creates the person of this measurement, with chats; in the server's data folder, before it starts."""
    dice = random.Random(7)
    person = accounts.add_user(EMAIL, "member", PASSWORD)
    archive = Archive(person.id, Texts(dice), dice)
    archive.add_chats(CHATS - 1, MESSAGES)
    archive.add_chats(1, LONG)


def measure(clicks: int, say: Say) -> Verdict:
    """Clicks on chats in the sidebar, at once and after a rest on the link, loads some pages as a whole, and sends messages."""
    with _page() as (page, long):
        paths = [path for path in page.eval_on_selector_all("#sidebar-chats ol a:not(.chats__more)", LINKS) if path != long]
        page.goto(paths[0])
        sudden, rested = [], []
        for number in range(clicks):
            path = paths[1 + number % (len(paths) - 1)]
            sudden.append(page.evaluate(CLICK, path))
            page.wait_for_timeout(100)
            path = paths[1 + (number + 7) % (len(paths) - 1)]
            page.locator(f"#sidebar-chats a[href='{path}']").first.hover()
            page.wait_for_timeout(REST_MS)
            rested.append(page.evaluate(CLICK, path))
            page.wait_for_timeout(100)
        loaded = [_load_ms(page, path) for path in paths[: max(3, clicks // 3)]]
        html = page.request.get(paths[0]).body()
        sheets, scripts = (page.locator(f"head {part}").count() for part in ("link[rel=stylesheet]", "script[src]"))
        requests, cold_kb = _cold(page, paths[0])
        sent, sent_long = (_sent_ms(page, path, clicks) for path in (paths[0], long))
    shown = {"a click": sudden, "a click after a rest": rested, "a page loaded anew": loaded}
    for name, times in {**shown, "a message": sent, f"one below {LONG}": sent_long}.items():
        p50, p95 = (percentile(times, share) for share in (0.5, 0.95))
        say(f"{name:<24} {p50:>7.0f} ms (p50) {p95:>7.0f} ms (p95)")
    bars = [
        Bar("from a click in the sidebar to the chat, p95", percentile(sudden, 0.95), MOST_CLICK_MS, " ms", is_timed=True),
        Bar("the same after a rest on the link, p95", percentile(rested, 0.95), MOST_RESTED_MS, " ms", is_timed=True),
        Bar("a click, in times of a page loaded anew", statistics.median(sudden) / statistics.median(loaded), None),
        Bar(f"HTML of a chat of {MESSAGES} messages, with {CHATS} in the sidebar", len(html) / 1000, MOST_KB, " KB"),
        Bar("from Enter to one's own message, p50", percentile(sent, 0.5), MOST_SENT_MS, " ms", is_timed=True),
        Bar(f"the same below {LONG}, p50", percentile(sent_long, 0.5), MOST_SENT_LONG_MS, " ms", is_timed=True),
        Bar("requests of the chat, with nothing kept", requests, MOST_REQUESTS),
        Bar("their bytes", cold_kb, MOST_COLD_KB, " KB"),
        Bar("style sheets of its page", sheets, MOST_SHEETS),
        Bar("scripts of its page", scripts, MOST_SCRIPTS),
    ]
    halves = (statistics.median(half) for half in (sudden[: clicks // 2], sudden[clicks // 2 :]))
    doubt = drift(*halves)
    return Verdict(bars, [doubt] if doubt else [])


def _load_ms(page: Any, path: str) -> float:
    page.goto(path)
    taken: float = page.evaluate("() => performance.getEntriesByType('navigation')[0].loadEventStart")
    return taken


def _settle(page: Any, path: str) -> None:
    page.goto(path)
    page.wait_for_timeout(SETTLED_MS)


def _sent_ms(page: Any, path: str, count: int) -> list[float]:
    """Sends messages in a chat, and returns how long each took to be seen."""
    _settle(page, path)
    times = []
    for _ in range(count):
        page.locator("#composer-text").fill("And then?")
        page.evaluate(SENT)
        page.keyboard.press("Enter")
        times.append(page.evaluate("() => window.sent"))
        # Its answer has ended by then, and the next message is not queued.
        page.wait_for_timeout(SETTLED_MS)
    return times


def _cold(page: Any, path: str) -> tuple[int, float]:
    """Returns how many requests a chat takes with an empty cache, until it is quiet, and the KB that came."""
    context = page.context.browser.new_context(storage_state=page.context.storage_state())
    other, sizes = context.new_page(), dict[str, int]()
    session = context.new_cdp_session(other)
    session.send("Network.enable")
    session.on("Network.requestWillBeSent", lambda event: sizes.setdefault(event["requestId"], 0))
    session.on("Network.loadingFinished", lambda event: sizes.update({event["requestId"]: event["encodedDataLength"]}))
    _settle(other, page.url.partition("/chats/")[0] + path)
    context.close()
    return len(sizes), sum(sizes.values()) / 1000


@contextmanager
def _page() -> Iterator[tuple[Any, str]]:
    """Yields the page of a person who has just signed in, in a Chromium, and the path of the long chat."""
    try:
        from playwright.sync_api import sync_playwright  # installed for the tests only
    except ImportError as error:
        raise RuntimeError(NO_BROWSER) from error
    with TemporaryDirectory() as folder, TemporaryDirectory(dir=folder) as data_dir, sync_playwright() as driver:
        environ = environ_of(data_dir, 10, "")
        flask(environ, "prepare")
        flask(environ, "bench", "fill-chats")
        set_settings(Path(data_dir, "millrace.sqlite3"), dict.fromkeys(UNLIMITED, 0))
        with serving(Path(folder), environ):
            browser = driver.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
            page = browser.new_context(base_url=f"http://127.0.0.1:{environ['PORT']}").new_page()
            page.goto("/login")
            page.get_by_label("Email").fill(EMAIL)
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_label("Password").press("Enter")
            page.locator(".frame").wait_for()
            with closing(sqlite3.connect(Path(data_dir, "millrace.sqlite3"))) as database:
                ((id,),) = database.execute(LONGEST)
            yield page, f"/chats/{id}"
            browser.close()
