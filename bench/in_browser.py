"""What a long answer costs its reader: the longest task of a Chromium while it arrives, and the bytes on the wire."""

import asyncio
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from bench.browsing import Owner
from bench.load import Load
from bench.servers import Checkout, model, product

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
NO_BROWSER = "This needs Playwright and a Chromium, which `make setup-tests` installs."
# A megabyte of small blocks, 300 pieces a second.
LONG = Load(1, 10_000, 300, has_blocks=True)
SECONDS = 180
TASKS = """new PerformanceObserver(list => (self.longTasks ??= []).push(...list.getEntries().map(entry => entry.duration)))
  .observe({type: 'longtask', buffered: true})"""
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
    with (
        TemporaryDirectory() as name,
        model(Path(name), LONG) as model_url,
        product(Path(name), 1, model_url, checkout=checkout) as installation,
    ):
        path, cookies = asyncio.run(_begun(Owner(installation.link)))
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
            parts = urlsplit(installation.link)
            longest_ms, received_bytes = _watched(browser, f"{parts.scheme}://{parts.netloc}", path, cookies)
            browser.close()
        ((size,),) = installation.rows("SELECT max(length(content)) FROM messages")
        return Read(longest_ms, received_bytes / size)


def _watched(browser: Any, origin: str, path: str, cookies: Mapping[str, str]) -> tuple[float, int]:
    """Returns the longest task in ms and the bytes of the stream, from the opening of the page to a second after the end."""
    # A service worker would read the stream in the page's place, where it isn't seen.
    context = browser.new_context(service_workers="block")
    context.add_cookies([{"name": name, "value": value, "url": origin} for name, value in cookies.items()])
    page, streams, received = context.new_page(), set[str](), [0]
    page.add_init_script(TASKS)
    wire = context.new_cdp_session(page)

    def note(sent: dict[str, Any]) -> None:
        if "/events" in sent["request"]["url"]:
            streams.add(sent["requestId"])

    wire.send("Network.enable")
    wire.on("Network.requestWillBeSent", note)
    wire.on("Network.dataReceived", lambda came: received.append(came["encodedDataLength"] * (came["requestId"] in streams)))
    page.goto(f"{origin}{path}")
    page.wait_for_function(IS_COMPLETED, timeout=SECONDS * 1000)
    page.wait_for_timeout(1_000)
    return page.evaluate("() => Math.max(0, ...(self.longTasks ?? []))"), sum(received)


async def _begun(owner: Owner) -> tuple[str, dict[str, str]]:
    """Begins the answer; returns the path of its chat, and the cookies of who asked."""
    await owner.come()
    return await owner.send("/chats", {"message": "At length.", "key": "long"}), owner.cookies
