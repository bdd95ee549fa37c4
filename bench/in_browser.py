"""What a long answer costs its reader: the longest task of a Chromium while it arrives, and the bytes on the wire."""

import asyncio
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from bench.browsing import EVENTS, HTMX, Owner, found
from bench.load import Load
from bench.servers import Checkout, installed

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
NO_BROWSER = "This needs Playwright and a Chromium, which `make setup-tests` installs."
# A megabyte of small blocks, 300 pieces a second.
LONG = Load(1, 10_000, 300, has_blocks=True)
SECONDS = 180
TASKS = """new PerformanceObserver(list => (self.longTasks ??= []).push(...list.getEntries().map(entry => entry.duration)))
  .observe({type: 'longtask', buffered: true})"""
END = b'"status": "completed"'
IS_COMPLETED = "() => document.querySelector('#thread [data-role=assistant][data-status=completed]')"


@dataclass(frozen=True)
class Read:
    """The longest task in ms, and how many bytes came for a byte of the answer."""

    longest_ms: float
    bytes_per_byte: float


def chromium() -> str | None:
    """Returns the path of a Chromium; None for the one that Playwright brings."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def read(checkout: Checkout) -> Read:
    """Reads a long answer on the page of its chat, from its beginning to its end."""
    try:
        from playwright.sync_api import sync_playwright  # installed for the tests only
    except ImportError as error:
        raise RuntimeError(NO_BROWSER) from error
    with installed(LONG, checkout=checkout) as installation:
        path, events, cookies = asyncio.run(_begun(Owner(installation.link)))
        parts = urlsplit(installation.link)
        with ThreadPoolExecutor() as beside, sync_playwright() as driver:
            received = beside.submit(_received_bytes, parts.netloc, events, cookies)
            browser = driver.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
            longest_ms = _longest_ms(browser, f"{parts.scheme}://{parts.netloc}", path, cookies)
            browser.close()
        ((size,),) = installation.rows("SELECT max(length(content)) FROM messages")
        return Read(longest_ms, received.result() / size)


def _longest_ms(browser: Any, origin: str, path: str, cookies: Mapping[str, str]) -> float:
    """Returns the longest task from the opening of the page to a second after the end of its answer."""
    context = browser.new_context()
    context.add_cookies([{"name": name, "value": value, "url": origin} for name, value in cookies.items()])
    page = context.new_page()
    page.add_init_script(TASKS)
    page.goto(f"{origin}{path}")
    page.wait_for_function(IS_COMPLETED, timeout=SECONDS * 1000)
    page.wait_for_timeout(1_000)
    longest_ms: float = page.evaluate("() => Math.max(0, ...(self.longTasks ?? []))")
    return longest_ms


def _received_bytes(address: str, events: str, cookies: Mapping[str, str]) -> int:
    """Reads the stream of the page beside it: Chromium doesn't tell the bytes of one that hasn't ended."""
    connection, tail, count = HTTPConnection(address, timeout=SECONDS), b"", 0
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    connection.request("GET", events, headers={**HTMX, "Cookie": cookie})
    response = connection.getresponse()
    while END not in tail and (piece := response.read1()):
        count += len(piece)
        tail = tail[-len(END) :] + piece
    connection.close()
    return count


async def _begun(owner: Owner) -> tuple[str, str, dict[str, str]]:
    """Begins the answer; returns the path of its chat, the stream of its page, and the cookies of who asked."""
    await owner.come()
    path = await owner.send("/chats", {"message": "At length.", "key": "long"})
    return path, found(EVENTS, await owner.page(path)), owner.cookies
