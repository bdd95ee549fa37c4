"""A very long answer from a fast model in a real browser: `python -m tests.browser.long_answer` measures a megabyte."""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.chats import ENDED, become_owner
from tests.browser.chromium import ARGUMENTS, executable
from tests.browser.conftest import made
from tests.support.server import Server
from tests.upstream.handle import Upstream

# Three thousand tokens of four characters a second, in writes of the size that a fast model makes.
CHARS_PER_SECOND, WRITE = 12_000, 40
FIRST_MS = 1_000
KEYS = """
window.keys = [];
new PerformanceObserver(list => keys.push(
  ...list.getEntries().filter(each => each.name === 'keydown').map(each => each.duration),
)).observe({type: 'event', durationThreshold: 16});
"""
STATUS = "document.getElementById('thread').lastElementChild.dataset.status"
# A shared worker has the one connection of all pages, so nothing arrives in a page's own requests: this counts the worker's
# messages.
SENT = """
window.sent = 0;
const hears = Object.getOwnPropertyDescriptor(MessagePort.prototype, 'onmessage');
Object.defineProperty(MessagePort.prototype, 'onmessage', {...hears, set(hear) {
  hears.set.call(this, event => {
    sent += new TextEncoder().encode(event.data?.[1] ?? '').length;
    hear.call(this, event);
  });
}});
"""
SEEN = """({keys, sent, nodes: document.querySelectorAll('*').length,
  text: document.getElementById('thread').lastElementChild.querySelector('.message-text').textContent})"""


@dataclass(frozen=True)
class Task:
    """An uninterrupted task of the page, in milliseconds: wall-clock time, and CPU time, which other processes do not affect."""

    ms: float
    own_ms: float


@dataclass(frozen=True)
class Seen:
    """What the browser showed and received; its tasks after the first second; the delays from key press to paint."""

    text: str
    sent: int
    nodes: int
    tasks: list[Task]
    keys: list[float]


def part(number: int) -> str:
    """Returns prose, a list, a table and code, as in typical answers."""
    prose = " ".join(f"Sentence {number}.{n} has *some* words, a `mark` and **weight**, as answers do." for n in range(7))
    items = "".join(f"- item {number}.{n}, which goes on for a while so that it wraps\n" for n in range(9))
    rows = "".join(f"| {n} | wheel {number * n * n} | turns {'again and ' * (n % 4)}again | {n * 7} kW |\n" for n in range(8))
    code = "".join(f"    if wheel[{n}] > {number}:\n        return turn(wheel, {n})  # water\n" for n in range(6))
    table = f"| # | wheel | how it turns | power |\n|---|---|---|---:|\n{rows}"
    return f"## Part {number}\n\n{prose}\n\n{items}\n{table}\n```python\ndef work():\n{code}```\n\n> {prose[:200]}\n\n"


def small_block(number: int) -> str:
    """Returns a one-line paragraph, as in lists of facts and dialogues: ten thousand of them are a megabyte."""
    return f"Block {number} has a few words, *some* of them slanted, a `mark` and little else to be laid out for.\n\n"


def text_of(chars: int, part: Callable[[int], str] = part) -> str:
    return "".join(part(number) for number in range(1, chars // len(part(1)) + 2))[:chars]


def watched(browser: Browser, server: Server, upstream: Upstream, text: str, *, width: int = 1100) -> Seen:
    """Requests this answer and watches it, scrolling back and typing, until it has ended."""
    writes = [text[at : at + WRITE] for at in range(0, len(text), WRITE)]
    # Until the page is there: on a slow machine the answer would be over.
    upstream.always({"tokens": writes, "pace": WRITE / CHARS_PER_SECOND, "holds": [1]})
    context = browser.new_context(viewport={"width": width, "height": 844}, base_url=server.url)
    try:
        page = context.new_page()
        page.goto(server.owner_link)
        become_owner(page)
        page.goto("/")
        context.add_init_script(KEYS)
        context.add_init_script(SENT)
        page.get_by_role("textbox", name="Message").fill("A very long answer, please")
        page.get_by_role("button", name="Send").click()
        page.wait_for_url("**/chats/*")
        page.wait_for_timeout(FIRST_MS)
        browser.start_tracing(page=page, categories=["toplevel"])
        upstream.goes_on()
        _use(page)
        tasks = _tasks(browser.stop_tracing())
        return Seen(tasks=tasks, **page.evaluate(SEEN))
    finally:
        context.close()


def _tasks(trace: bytes) -> list[Task]:
    """Returns the tasks of the pages' main threads, from a browser trace."""
    events = json.loads(trace)["traceEvents"]
    names = {(event["pid"], event["tid"]): event["args"]["name"] for event in events if event["name"] == "thread_name"}
    tasks = [event for event in events if event["name"].endswith("RunTask") and "tdur" in event]
    ours = [task for task in tasks if names.get((task["pid"], task["tid"])) == "CrRendererMain"]
    # Occasionally the trace reports more CPU time than wall-clock time.
    return [Task(our["dur"] / 1000, min(our["dur"], our["tdur"]) / 1000) for our in ours]


def _use(page: Page) -> None:
    """Types a word and scrolls up for a moment, repeatedly, until the answer has ended.

    Nothing is located by role or text: that would take the page longer than what is measured.
    """
    page.evaluate("document.getElementById('composer-text').focus()")
    while page.evaluate(STATUS) not in ENDED:
        for letter in "water ":
            page.keyboard.press(letter)
            page.wait_for_timeout(40)
        page.mouse.move(400, 300)
        page.mouse.wheel(0, -2_000)
        page.wait_for_timeout(600)
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        page.wait_for_timeout(600)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chars", type=int, default=1_000_000)
    parser.add_argument("--width", type=int, default=1100)
    parser.add_argument("--small", action="store_true", help="of small blocks only")
    chosen = parser.parse_args(arguments)
    upstream = Upstream()
    try:
        with TemporaryDirectory() as folder, made(Path(folder), upstream) as server, sync_playwright() as driver:
            server.lift_limits()
            server.start()
            browser = driver.chromium.launch(executable_path=executable(), args=ARGUMENTS)
            text = text_of(chosen.chars, small_block if chosen.small else part)
            seen = watched(browser, server, upstream, text, width=chosen.width)
            browser.close()
    finally:
        upstream.close()
    say(seen, chosen.chars)


def say(seen: Seen, chars: int) -> None:
    longest = sorted(seen.tasks, key=lambda task: task.own_ms, reverse=True)[:9]
    print(f"{chars} characters, {len(seen.text)} seen, {seen.nodes} elements, {seen.sent / chars:.2f} bytes sent for each")
    print(f"the longest tasks after the first second, in ms: {[round(task.own_ms) for task in longest]}")
    print(f"the same by the clock: {[round(task.ms) for task in longest]}")
    print(f"from a key to its picture in ms: {[round(ms) for ms in sorted(seen.keys, reverse=True)[:9]]}")


if __name__ == "__main__":
    main(sys.argv[1:])
