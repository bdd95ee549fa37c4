"""The people of the bench, in a process of their own: they ask at once, read everything, and look at the stamps."""

import argparse
import asyncio
import html
import json
import re
import sys
import time
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from webapp.bench.browsing import FORM, Browser, Refused, Stream
from webapp.bench.figures import Heard, percentile, spread

TOKEN = re.compile(rb"k(\d{5})t(\d{15})")
LONGEST_TOKEN = 32
# People do not press a key in the same millisecond.
ARRIVAL_SECONDS = 1.0
GRACE_SECONDS = 30.0
EVENTS = re.compile(r'hx-sse:connect="([^"]+)"')
CSRF = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
Ask = Callable[["Reading", int], Awaitable[None]]


class Reading:
    """What one person has read of their answer; `late_ms` is of tokens that were sent while they were listening."""

    def __init__(self, tokens: int) -> None:
        self.seen: set[int] = set()
        self.late_ms: list[float] = []
        self.first_ms: float | None = None
        self.was_refused = False
        self._tokens, self._rest = tokens, b""
        self._asked_at = time.monotonic()
        self._listens_from = float("inf")

    @property
    def is_whole(self) -> bool:
        return len(self.seen) == self._tokens

    def take(self, piece: bytes) -> None:
        now = time.monotonic()
        text = self._rest + piece
        self._rest = text[-LONGEST_TOKEN:]
        for number, stamp in TOKEN.findall(text):
            if int(number) not in self.seen:
                self.seen.add(int(number))
                self._note(int(stamp) / 1_000_000, now)

    def _note(self, sent_at: float, now: float) -> None:
        if self.first_ms is None:
            self.first_ms = (now - self._asked_at) * 1000
        if sent_at > self._listens_from:
            self.late_ms.append((now - sent_at) * 1000)

    async def listen(self, stream: Stream) -> None:
        """Reads to the end of the stream, or until everything has come."""
        self._listens_from = time.monotonic()
        try:
            while not self.is_whole and (piece := await stream.reader.read(65536)):
                self.take(piece)
        finally:
            stream.writer.close()


class Relay:
    """A server that answers a POST with the tokens; the model itself is one."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._browser, self._path = Browser(url), f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"

    async def prepare(self) -> None:
        pass

    async def ask(self, reading: Reading, number: int) -> None:
        stream = await self._browser.open("POST", self._path, b"x=1", FORM)
        if stream.status != 200:
            raise Refused(f"POST answered {stream.status}")
        await reading.listen(stream)


class Product:
    """The whole of it: a form is sent, the page is opened, and the page's stream is listened to."""

    def __init__(self, link: str) -> None:
        self._browser, self._link = Browser(link), urlsplit(link)
        self._csrf = ""

    async def prepare(self) -> None:
        """Becomes the owner."""
        page = await self._browser.page(f"{self._link.path}?{self._link.query}")
        fields = {"csrf_token": _found(CSRF, page), "token": self._link.query.partition("=")[2]}
        fields |= {"email": "bench@example.org", "name": "Bench", "password": "measured and found wanting"}
        await self._browser.send(self._link.path, fields)
        self._csrf = _found(CSRF, await self._browser.page("/"))

    async def ask(self, reading: Reading, number: int) -> None:
        fields = {"csrf_token": self._csrf, "message": f"Question {number}", "key": f"bench-{number}"}
        page = await self._browser.page(await self._browser.send("/chats", fields))
        reading.take(page.encode())
        await reading.listen(await self._browser.open("GET", _found(EVENTS, page), more={"HX-Request": "true"}))


class Program(Product):
    """The same over the API: one request asks, and its reply is the stream."""

    async def ask(self, reading: Reading, number: int) -> None:
        more = {"Content-Type": "application/json", "Accept": "text/event-stream", "X-CSRFToken": self._csrf}
        body = json.dumps({"message": f"Question {number}"}).encode()
        stream = await self._browser.open("POST", "/api/v1/chats", body, more)
        if stream.status not in (200, 201):
            raise Refused(f"POST answered {stream.status}")
        await reading.listen(stream)


PLACES: dict[str, type[Relay | Product]] = {"relay": Relay, "pages": Product, "api": Program}


async def visit(place: Relay | Product, answers: int, tokens: int, rate: float) -> Heard:
    """Everybody asks within a second."""
    await place.prepare()
    lag = asyncio.create_task(_own_lag())
    seconds = ARRIVAL_SECONDS + tokens / rate + GRACE_SECONDS
    readings = await asyncio.gather(*(_read(place.ask, number, answers, tokens, seconds) for number in range(answers)))
    lag.cancel()
    return Heard(
        expected=answers * tokens,
        received=sum(len(reading.seen) for reading in readings),
        refused=sum(reading.was_refused for reading in readings),
        first_ms=spread([reading.first_ms for reading in readings if reading.first_ms is not None]),
        late_ms=spread([late for reading in readings for late in reading.late_ms]),
        lag_ms=percentile(_lags, 0.99),
    )


async def _read(ask: Ask, number: int, answers: int, tokens: int, seconds: float) -> Reading:
    await asyncio.sleep(ARRIVAL_SECONDS * number / answers)
    reading = Reading(tokens)
    try:
        async with asyncio.timeout(seconds):
            await ask(reading, number)
    except (Refused, OSError, EOFError):
        reading.was_refused = True
    except TimeoutError:
        # What has not come by now counts as lost.
        pass
    return reading


_lags: list[float] = []


async def _own_lag() -> None:
    """How late this process is by itself."""
    while True:
        due = time.monotonic() + 0.01
        await asyncio.sleep(0.01)
        _lags.append((time.monotonic() - due) * 1000)


def _found(pattern: re.Pattern[str], page: str) -> str:
    found = pattern.search(page)
    if not found:
        raise Refused(f"the page has no {pattern.pattern}")
    return html.unescape(found[1])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=tuple(PLACES))
    parser.add_argument("url")
    parser.add_argument("--answers", type=int, required=True)
    parser.add_argument("--tokens", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    chosen = parser.parse_args()
    place = PLACES[chosen.kind](chosen.url)
    heard = asyncio.run(visit(place, chosen.answers, chosen.tokens, chosen.rate))
    sys.stdout.write(json.dumps(heard.as_json()))


if __name__ == "__main__":
    main()
