"""The people of a benchmark, in a separate process: they send requests together, read everything, and check timestamps."""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass, replace
from urllib.parse import urlsplit

from bench.browsing import FORM, IS_ANSWERED, Browser, Owner, Refused, Stream
from bench.figures import DIRECT, RELAY, Heard, percentile
from bench.load import BRIEFLY, Load
from bench.reading import Lag, Reading

GRACE_SECONDS = 30.0
EVENT_STREAM = "text/event-stream"
Ask = Callable[[Reading, int], Awaitable[None]]


class Relay:
    """A server that responds to a POST with the tokens, like the relay, or the model itself."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._browser, self._path = Browser(url), f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"

    async def prepare(self, load: Load) -> None:
        pass

    async def ask(self, reading: Reading, number: int) -> None:
        stream = await self._browser.open("POST", self._path, b"x=1", FORM)
        if stream.status != 200:
            raise Refused(f"POST answered {stream.status}")
        await reading.listen(stream)

    async def ask_on(self, reading: Reading, number: int) -> None:
        await self.ask(reading, number)


class Pages:
    """Reads through pages: submits a form, opens the page and reads its stream."""

    def __init__(self, link: str) -> None:
        self._owner, self._open = Owner(link), list[OpenPage]()

    async def prepare(self, load: Load) -> None:
        await self._owner.come()
        # Asks once before it counts: with the first request, a server loads what answers it.
        (await OpenPage.of_new_chat(self._owner, "first")).stream.writer.close()
        self._open += [await OpenPage.of_new_chat(self._owner, f"later-{number}") for number in range(load.later)]

    async def ask(self, reading: Reading, number: int) -> None:
        page = await self._owner.page(await self._sent(number))
        reading.take(page.encode())
        await reading.listen(await self._owner.listen(page))

    async def ask_on(self, reading: Reading, number: int) -> None:
        """Requests an answer in a chat whose page is already open."""
        await self._open[number].ask(reading)

    async def _sent(self, number: int) -> str:
        return await self._owner.send("/chats", {"message": f"Question {number}", "key": f"bench-{number}"})


@dataclass
class OpenPage:
    """A page of a chat that has its first answer, and its stream; with `watches`, it only reads."""

    owner: Owner
    path: str
    stream: Stream
    watches: bool = False

    @classmethod
    async def of_new_chat(cls, owner: Owner, key: str, question: str = BRIEFLY) -> "OpenPage":
        path = await owner.send("/chats", {"message": question, "key": key})
        async with asyncio.timeout(GRACE_SECONDS):
            while not IS_ANSWERED.search(page := await owner.page(path)):
                await asyncio.sleep(0.05)
        return cls(owner, path, await owner.listen(page))

    async def again(self, times: int) -> list["OpenPage"]:
        """Opens more pages of the same chat."""
        streams = [await self.owner.listen(await self.owner.page(self.path)) for _ in range(times)]
        return [replace(self, stream=stream, watches=True) for stream in streams]

    async def ask(self, reading: Reading) -> None:
        reading.ask()
        listening = asyncio.create_task(reading.listen(self.stream))
        if not self.watches:
            await self.owner.write(f"{self.path}/messages", {"message": "Question", "key": self.path})
        await listening


class LaterTurns(Pages):
    """Every person has a page open and requests an answer there; of several watchers of an answer, the first does."""

    async def prepare(self, load: Load) -> None:
        await super().prepare(replace(load, later=load.later + load.answers))
        self._crowd = [visitor for page in self._open[load.later :] for visitor in [page, *await page.again(load.watchers - 1)]]

    async def ask(self, reading: Reading, number: int) -> None:
        await self._crowd[number].ask(reading)


class Programs(Pages):
    """Reads through the API: the response to the request is the stream."""

    async def prepare(self, load: Load) -> None:
        await self._owner.come()
        await (await self._owner.ask("/api/v1/chats", {"message": BRIEFLY}, EVENT_STREAM)).text()

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
    DIRECT: Relay,
    RELAY: Relay,
    "pages": Pages,
    "later": LaterTurns,
    "api": Programs,
    "plan-pages": PlanPages,
    "plan-api": PlanPrograms,
}


class Crowd:
    """The people who send requests at the start; `is_in` is set when each is reading or was refused."""

    def __init__(self, load: Load) -> None:
        self.is_in = asyncio.Event()
        self._outside, self._load = load.crowd, load

    async def read(self, ask: Ask, number: int) -> Reading:
        reading = Reading(self._load.tokens, self._come_in)
        await asyncio.sleep(self._load.at(number))
        await _read(ask, reading, number, self._load)
        if not reading.has_begun:
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


async def visit(place: Relay | Pages, load: Load) -> list[Reading]:
    """Runs the crowd, then the later requests one after another; requests made in vain can be any of the crowd's."""
    crowd = Crowd(load)
    first = [crowd.read(place.ask, number) for number in range(load.crowd)]
    then = [crowd.read_later(place.ask_on, number) for number in range(load.later)]
    return await asyncio.gather(*first, *then)


def heard(readings: list[Reading], load: Load, lag_ms: float, seconds: float) -> Heard:
    return Heard(
        expected=load.expected,
        received=sum(len(reading.seen) for reading in readings),
        refused=sum(reading.was_refused for reading in readings),
        first_ms=_first(readings[: load.crowd]),
        then_ms=_first(readings[load.crowd :]),
        late_ms=_late([late for reading in readings for _, late in reading.late_ms]),
        steady_ms=_late(list(_steady(readings[: load.crowd]))),
        lag_ms=lag_ms,
        seconds=seconds,
    )


async def _read(ask: Ask, reading: Reading, number: int, load: Load) -> None:
    reading.ask()
    try:
        async with asyncio.timeout(load.answer_seconds + GRACE_SECONDS):
            await ask(reading, number)
    except (Refused, OSError, EOFError):
        reading.was_refused = True
    except TimeoutError:
        # What has not arrived by now counts as lost.
        pass


def _steady(readings: list[Reading]) -> Iterator[float]:
    """Yields how late those tokens were that were sent when all had begun to read and none had come to the end."""
    answered = [reading.late_ms for reading in readings if reading.late_ms]
    begun, ended = max((late[0][0] for late in answered), default=0.0), min((late[-1][0] for late in answered), default=0.0)
    return (late for seconds in answered for sent_at, late in seconds if begun < sent_at < ended)


def _first(readings: list[Reading]) -> tuple[float, float]:
    times = [reading.first_ms for reading in readings if reading.first_ms is not None]
    return percentile(times, 0.5), percentile(times, 0.95)


def _late(times: list[float]) -> tuple[float, float]:
    return percentile(times, 0.5), percentile(times, 0.99)


async def come(kind: str, url: str, load: Load) -> None:
    """Prepares, prints "ready" and waits for a line; runs, prints the results, and keeps all pages open until the next line."""
    place = PLACES[kind](url)
    await place.prepare(load)
    await _word("ready")
    began = time.monotonic()
    async with Lag() as lag:
        readings = await visit(place, load)
    await _word(json.dumps(asdict(heard(readings, load, lag.ms, time.monotonic() - began))))


async def _word(line: str) -> None:
    """Prints a line, and waits for one on standard input."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=tuple(PLACES))
    parser.add_argument("url")
    parser.add_argument("load", type=Load.read)
    chosen = parser.parse_args()
    asyncio.run(come(chosen.kind, chosen.url, chosen.load))


if __name__ == "__main__":
    main()
