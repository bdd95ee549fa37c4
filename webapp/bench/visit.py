"""The people of the bench, in a process of their own: they ask at once, read everything, and look at the stamps."""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from webapp.bench.browsing import FORM, Browser, Owner, Refused
from webapp.bench.figures import Heard, percentile
from webapp.bench.load import Load
from webapp.bench.reading import Lag, Reading

GRACE_SECONDS = 30.0
EVENT_STREAM = "text/event-stream"
Ask = Callable[[Reading, int], Awaitable[None]]


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

    async def ask_on(self, reading: Reading, number: int) -> None:
        await self.ask(reading, number)


class Pages:
    """The whole of it: a form is sent, the page is opened, and the page's stream is listened to."""

    def __init__(self, link: str) -> None:
        self._owner = Owner(link)

    async def prepare(self) -> None:
        await self._owner.come()

    async def ask(self, reading: Reading, number: int) -> None:
        page = await self._owner.page(await self._sent(number))
        reading.take(page.encode())
        await reading.listen(await self._owner.listen(page))

    async def ask_on(self, reading: Reading, number: int) -> None:
        """In a chat whose page is open already."""
        made = json.loads(await (await self._owner.ask("/api/v1/chats", {"title": f"Chat {number}"})).text())
        path = f"/chats/{made['chat']['id']}"
        stream = await self._owner.listen(await self._owner.page(path))
        reading.ask()
        asked = asyncio.create_task(self._owner.write(f"{path}/messages", {"message": "Question", "key": path}))
        await reading.listen(stream)
        await asked

    async def _sent(self, number: int) -> str:
        return await self._owner.send("/chats", {"message": f"Question {number}", "key": f"bench-{number}"})


class Programs(Pages):
    """The same over the API: one request asks, and its reply is the stream."""

    async def ask(self, reading: Reading, number: int) -> None:
        await reading.listen(await self._owner.ask("/api/v1/chats", {"message": f"Question {number}"}, EVENT_STREAM))

    async def ask_on(self, reading: Reading, number: int) -> None:
        await self.ask(reading, number)


class PlanPages(Pages):
    async def _sent(self, number: int) -> str:
        return await self._owner.send("/plans", {"type": "monthly", "goals": f"Goal {number}"})


class PlanPrograms(Pages):
    async def ask(self, reading: Reading, number: int) -> None:
        kept = json.loads(await (await self._owner.ask("/api/plan/inputs", {"goals": [f"Goal {number}"]})).text())
        await reading.listen(await self._owner.ask("/api/streaming/generate-plan", kept, EVENT_STREAM))


PLACES: dict[str, type[Relay | Pages]] = {
    "relay": Relay,
    "pages": Pages,
    "api": Programs,
    "plan-pages": PlanPages,
    "plan-api": PlanPrograms,
}


class Crowd:
    """Those who ask at once; `is_in` is set when all of them have something to read, or a refusal."""

    def __init__(self, load: Load) -> None:
        self.is_in = asyncio.Event()
        self._outside, self._load = load.answers + load.in_vain, load

    async def read(self, ask: Ask, number: int) -> Reading:
        reading = Reading(self._load.tokens, self._come_in)
        await asyncio.sleep(self._load.within * number / (self._load.answers + self._load.in_vain))
        await _read(ask, reading, number, self._load)
        if reading.first_ms is None:
            self._come_in()
        return reading

    async def read_later(self, ask: Ask, number: int) -> Reading:
        await self.is_in.wait()
        await asyncio.sleep(self._load.later_at(number))
        reading = Reading(self._load.tokens)
        await _read(ask, reading, number, self._load)
        return reading

    def _come_in(self) -> None:
        self._outside -= 1
        if not self._outside:
            self.is_in.set()


async def visit(place: Relay | Pages, load: Load) -> Heard:
    """A crowd asks, then one after another; those who ask in vain are of the crowd, whoever they are."""
    await place.prepare()
    crowd, began = Crowd(load), time.monotonic()
    first = [crowd.read(place.ask, number) for number in range(load.answers + load.in_vain)]
    then = [crowd.read_later(place.ask_on, number) for number in range(load.later)]
    async with Lag() as lag:
        readings = await asyncio.gather(*first, *then)
    late = [late for reading in readings for late in reading.late_ms]
    return Heard(
        expected=load.expected,
        received=sum(len(reading.seen) for reading in readings),
        refused=sum(reading.was_refused for reading in readings),
        first_ms=_first(readings[: len(first)]),
        then_ms=_first(readings[len(first) :]),
        late_ms=(percentile(late, 0.5), percentile(late, 0.99)),
        lag_ms=lag.ms,
        seconds=time.monotonic() - began,
    )


async def _read(ask: Ask, reading: Reading, number: int, load: Load) -> None:
    reading.ask()
    try:
        async with asyncio.timeout(load.answer_seconds + GRACE_SECONDS):
            await ask(reading, number)
    except (Refused, OSError, EOFError):
        reading.was_refused = True
    except TimeoutError:
        # What has not come by now counts as lost.
        pass


def _first(readings: list[Reading]) -> tuple[float, float]:
    times = [reading.first_ms for reading in readings if reading.first_ms is not None]
    return percentile(times, 0.5), percentile(times, 0.95)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=tuple(PLACES))
    parser.add_argument("url")
    parser.add_argument("load", type=Load.read)
    chosen = parser.parse_args()
    heard = asyncio.run(visit(PLACES[chosen.kind](chosen.url), chosen.load))
    sys.stdout.write(json.dumps(heard.as_json()))


if __name__ == "__main__":
    main()
