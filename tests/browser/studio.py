"""A server with an owner, a scripted model, and a browser window per look: takes the pictures of `make screenshots`."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.chats import Person
from tests.browser.chromium import ARGUMENTS, executable
from tests.support.server import ROOT, Server, prepared
from tests.upstream.handle import Upstream

FOLDER = ROOT / "screenshots"
SIZES = {
    "desk": {"width": 1280, "height": 800},
    "phone": {"width": 390, "height": 844},
    "wide": {"width": 2560, "height": 1440},
}
LOOKS = [(size, scheme) for size in SIZES for scheme in ("light", "dark")]
# The maximum height of a picture; no one looks at a longer one to its end.
HIGHEST = 2_400
SETTLING = 150
Preparing = Callable[[Page], object]


class Studio:
    """Keeps one browser window per user and look."""

    def __init__(self, browser: Browser, server: Server, upstream: Upstream) -> None:
        self.browser, self.server, self.upstream = browser, server, upstream
        self.cookies: list[Any] = []
        self._windows: dict[tuple[str, ...], Person] = {}

    def person(self, *, is_signed_in: bool = True, **options: Any) -> Person:
        person = Person(self.browser, self.server.url, **options)
        if is_signed_in:
            person.context.add_cookies(self.cookies)
        return person

    def takes(
        self, name: str, path: str, prepare: Preparing = lambda page: None, who: str = "owner", whole: bool = False
    ) -> None:
        """Takes one picture of a page for each look; `prepare` brings the page into its state first."""
        for size, scheme in LOOKS:
            page = self.window(who, size, scheme).context.new_page()
            page.goto(path)
            prepare(page)
            page.wait_for_timeout(SETTLING)
            self.shoot(page, f"{name}-{size}-{scheme}", whole=whole)
            page.close()
        print(f"  {name}", flush=True)

    def shoot(self, page: Page, name: str, *, whole: bool = False) -> None:
        """Takes a picture of the window or, with `whole`, of the full height of the page."""
        size = page.viewport_size
        if whole and size:
            height = page.evaluate("document.documentElement.scrollHeight")
            page.set_viewport_size({"width": size["width"], "height": min(max(height, size["height"]), HIGHEST)})
        page.screenshot(path=FOLDER / f"{name}.png")

    def window(self, who: str, size: str, scheme: str) -> Person:
        """Returns the owner's window, a visitor's, or the owner's without scripts."""
        key = (who, size, scheme)
        if key not in self._windows:
            look: dict[str, Any] = {"color_scheme": scheme, "viewport": SIZES[size], "has_touch": size == "phone"}
            scripts = {"java_script_enabled": False} if who == "no scripts" else {}
            self._windows[key] = self.person(is_signed_in=who != "nobody", **look, **scripts)
        return self._windows[key]

    def forget_windows(self) -> None:
        """Closes all windows, so that the next picture starts with a new one."""
        for person in self._windows.values():
            person.leave()
        self._windows.clear()

    def begun(self, text: str, until: str = "completed") -> str:
        """Starts a chat, waits until its answer has this status, and returns the chat's path."""
        person = self.person()
        chat = person.begin(text)
        chat.expect(until, seconds=60)
        path = chat.page.url.removeprefix(self.server.url)
        person.leave()
        return path


@contextmanager
def studio() -> Iterator[Studio]:
    upstream = Upstream()
    settings = {"OPENROUTER_API_KEY": "sk-or-v1-0123456789abcdef", "OPENROUTER_BASE_URL": upstream.base_url}
    folder = Path(tempfile.mkdtemp(prefix="millrace-"))
    try:
        with prepared(folder, beside=None, OPENROUTER_MODEL="openrouter/auto", **settings) as server, sync_playwright() as driver:
            server.lift_limits()
            server.set(demo__fallback="always")
            server.start()
            browser = driver.chromium.launch(executable_path=executable(), args=ARGUMENTS)
            yield Studio(browser, server, upstream)
            browser.close()
    finally:
        upstream.close()
        shutil.rmtree(folder, ignore_errors=True)
