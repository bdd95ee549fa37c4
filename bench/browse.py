"""What a click in the sidebar takes: from the click until the chat is painted, in a Chromium, on a server of its own."""

import random
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
CHATS, MESSAGES = 30, 12
MOST_CLICK_MS, MOST_RESTED_MS, MOST_KB, MOST_SHEETS, MOST_SCRIPTS = 120.0, 90.0, 45.0, 3, 8
REST_MS = 250
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
Say = Callable[[str], None]


def fill() -> None:
    """Creates the person of this measurement, with chats; in the server's data folder, before it starts."""
    dice = random.Random(7)
    person = accounts.add_user(EMAIL, "member", PASSWORD)
    Archive(person.id, Texts(dice), dice).add_chats(CHATS, MESSAGES)


def measure(clicks: int, say: Say) -> Verdict:
    """Clicks on chats in the sidebar, at once and after a rest on the link, and loads some pages as a whole."""
    with _page() as page:
        paths = page.eval_on_selector_all("#sidebar-chats ol a:not(.chats__more)", LINKS)
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
    for name, times in {"a click": sudden, "a click after a rest": rested, "a page loaded anew": loaded}.items():
        p50, p95 = (percentile(times, share) for share in (0.5, 0.95))
        say(f"{name:<24} {p50:>7.0f} ms (p50) {p95:>7.0f} ms (p95)")
    bars = [
        Bar("from a click in the sidebar to the chat, p95", percentile(sudden, 0.95), MOST_CLICK_MS, " ms", is_timed=True),
        Bar("the same after a rest on the link, p95", percentile(rested, 0.95), MOST_RESTED_MS, " ms", is_timed=True),
        Bar("a click, in times of a page loaded anew", statistics.median(sudden) / statistics.median(loaded), None),
        Bar(f"HTML of a chat of {MESSAGES} messages, with {CHATS} in the sidebar", len(html) / 1000, MOST_KB, " KB"),
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


@contextmanager
def _page() -> Iterator[Any]:
    """Yields the page of a person who has just signed in, in a Chromium."""
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
            yield page
            browser.close()
