"""The bystander's reader, which runs in a separate process: `python -m tests.support.bystander_reader`.

The first line of standard input is a JSON order: an answer's event stream, a control stream straight from the upstream, and
pages. The process prints `ready` when both streams have begun. The second line is how many words each stream has sent by then;
once it has read them, the process prints all it has read.
"""

import asyncio
import json
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.browsing import JSON, NOTHING, Browser

# Not the middle of an id, which can look like a word.
WORD = re.compile(rb"w0\d{5}(?!\w)")
LONGEST_WORD = 16
# Often enough to meet what delays a page, and seldom enough to leave the processor to what is tested.
PAUSE_SECONDS = 0.2
PATIENCE_SECONDS = 30.0


@dataclass
class Heard:
    """The words of one stream, each with the time at which it first arrived."""

    words: dict[str, float] = field(default_factory=dict)

    async def listen(self, browser: Browser, path: str, content: bytes = b"", more: Mapping[str, str] = NOTHING) -> None:
        stream = await browser.open("POST" if content else "GET", path, content, more)
        rest = b""
        try:
            while piece := await stream.reader.read(65536):
                text, now = rest + piece, time.monotonic()
                for word in WORD.findall(text):
                    self.words.setdefault(word.decode(), now)
                rest = text[-LONGEST_WORD:]
        finally:
            stream.writer.close()

    async def until(self, count: int) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(self.words) < count and time.monotonic() < deadline:
            await asyncio.sleep(0.005)


@dataclass(frozen=True)
class Visit:
    """One page request: its status (0 when there was no response), when it began and how long it took."""

    path: str
    status: int
    began: float
    seconds: float


async def visits(browser: Browser, paths: list[str], made: list[Visit]) -> None:
    """Requests one page after another, each on a new connection."""
    while True:
        for path in paths:
            began = time.monotonic()
            made.append(Visit(path, await _status(browser, path), began, time.monotonic() - began))
            await asyncio.sleep(PAUSE_SECONDS)


async def _status(browser: Browser, path: str) -> int:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            reply = await browser.open("GET", path)
            await reply.text()
            return reply.status
    except (OSError, EOFError, TimeoutError):
        return 0


async def main() -> None:
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    order: dict[str, Any] = json.loads(await lines.readline())
    browser, answer, control, pages = Browser(order["url"], order["cookies"]), Heard(), Heard(), list[Visit]()
    tasks = [
        asyncio.create_task(answer.listen(browser, order["events"])),
        asyncio.create_task(control.listen(Browser(order["upstream"]), order["ask"], json.dumps(order["body"]).encode(), JSON)),
        asyncio.create_task(visits(browser, order["pages"], pages)),
    ]
    await asyncio.gather(answer.until(1), control.until(1))
    say("ready")
    if counts := await lines.readline():
        await asyncio.gather(*(heard.until(count) for heard, count in zip((answer, control), json.loads(counts), strict=True)))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    visited = [asdict(page) for page in pages]
    say(json.dumps({"answer": answer.words, "control": control.words, "pages": visited}))


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
