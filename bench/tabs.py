"""Pages that stay open in a separate process, while some of their chats continue. `python -m bench.tabs`."""

import argparse
import asyncio
import json
import re
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict

from bench.browsing import IS_ANSWERED, Owner, Refused
from bench.figures import Seen
from bench.load import Sitting
from bench.reading import Lag, Reading
from webapp.streaming.codec import HEARTBEAT

END = re.compile(rb'"status": "(?:completed|stopped|interrupted|failed)"')
LONGEST_END = 64
TURN_SECONDS = 30.0
AGAIN_SECONDS = 0.5


class Tab:
    """A page that reads its stream as long as it lasts, and reopens it when it ends, which it should not."""

    def __init__(self, owner: Owner, path: str, tokens: int) -> None:
        self.closes = self.refused = self.beats = 0
        self.is_open = asyncio.Event()
        self._owner, self._path, self._tokens, self._silence = owner, path, tokens, 0.0
        self.expect()

    @property
    def lacks(self) -> int:
        return self._tokens - len(self._reading.seen)

    @property
    def silence(self) -> float:
        """The longest time without a byte."""
        return max(self._silence, time.monotonic() - self._read_at) if self.is_open.is_set() else 0.0

    def expect(self) -> None:
        """Begins to read another answer."""
        self._reading, self._rest, self._has_ended, self._is_done = Reading(self._tokens), b"", False, asyncio.Event()

    async def done(self) -> None:
        """Waits until all of the answer has arrived, including its end."""
        await self._is_done.wait()

    async def listen(self) -> None:
        while True:
            try:
                await self._hear()
                self.closes += 1
            except (Refused, OSError, EOFError):
                self.refused += 1
                await asyncio.sleep(AGAIN_SECONDS)

    async def _hear(self) -> None:
        stream = await self._owner.listen(await self._owner.page(self._path))
        self._read_at = time.monotonic()
        self.is_open.set()
        try:
            while piece := await stream.reader.read(65536):
                self._take(piece)
        finally:
            stream.writer.close()

    def _take(self, piece: bytes) -> None:
        now, text = time.monotonic(), self._rest + piece
        self._silence, self._read_at = self.silence, now
        self.beats += piece.count(HEARTBEAT)
        self._reading.take(piece)
        self._rest, self._has_ended = text[-LONGEST_END:], self._has_ended or bool(END.search(text))
        if self._has_ended and self._reading.is_whole:
            self._is_done.set()


class Chat:
    """A chat and the pages that show it."""

    def __init__(self, owner: Owner, path: str) -> None:
        self.path, self.tabs = path, list[Tab]()
        self.turns = self.lost = self.refused = 0
        self._owner = owner

    async def turn(self) -> None:
        """Sends a message, and waits until every page has the whole answer."""
        for tab in self.tabs:
            tab.expect()
        self.turns += 1
        try:
            fields = {"message": f"Question {self.turns}", "key": f"{self.path}-{self.turns}"}
            await self._owner.write(f"{self.path}/messages", fields)
        except (Refused, OSError, EOFError):
            self.refused += 1
            await asyncio.sleep(AGAIN_SECONDS)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(TURN_SECONDS):
                await asyncio.gather(*(tab.done() for tab in self.tabs))
        self.lost += sum(tab.lacks for tab in self.tabs)

    async def go_on(self, pace: float) -> None:
        while True:
            due = time.monotonic() + pace
            await self.turn()
            await asyncio.sleep(max(0.0, due - time.monotonic()))


class OpenTabs:
    """All chats and their pages, and what these have received since they were opened."""

    def __init__(self, owner: Owner, sitting: Sitting, report: Callable[[Seen], None]) -> None:
        self._owner, self._sitting, self._report = owner, sitting, report
        self._chats, self._tabs = list[Chat](), list[Tab]()
        self._began = time.monotonic()

    async def sit(self) -> None:
        sitting = self._sitting
        paths = await asyncio.gather(*(self._begun(number) for number in range(sitting.chats)))
        self._chats = [Chat(self._owner, path) for path in paths]
        async with Lag() as lag, asyncio.TaskGroup() as group:
            self._report(self._seen(lag))
            tasks = [await self._opened(number, group) for number in range(sitting.watchers)]
            busy = self._chats[: sitting.busy]
            await asyncio.gather(*(self._filled(chat) for chat in busy))
            self._began = time.monotonic()
            self._report(self._seen(lag))
            tasks += [group.create_task(chat.go_on(sitting.pace)) for chat in busy]
            for number in range(round(sitting.seconds / sitting.every)):
                await asyncio.sleep(max(0.0, self._began + (number + 1) * sitting.every - time.monotonic()))
                self._report(self._seen(lag))
            for task in tasks:
                task.cancel()

    async def _begun(self, number: int) -> str:
        """Returns the path of a new chat that has its first answer."""
        path = await self._owner.send("/chats", {"message": f"Chat {number}", "key": f"chat-{number}"})
        async with asyncio.timeout(TURN_SECONDS):
            while not IS_ANSWERED.search(await self._owner.page(path)):
                await asyncio.sleep(0.05)
        return path

    async def _opened(self, number: int, group: asyncio.TaskGroup) -> asyncio.Task[None]:
        chat = self._chats[number % len(self._chats)]
        tab = Tab(self._owner, chat.path, self._sitting.tokens)
        chat.tabs.append(tab)
        self._tabs.append(tab)
        task = group.create_task(tab.listen())
        await tab.is_open.wait()
        return task

    async def _filled(self, chat: Chat) -> None:
        for _ in range(self._sitting.fill // 2 - 1):
            await chat.turn()

    def _seen(self, lag: Lag) -> Seen:
        return Seen(
            seconds=time.monotonic() - self._began,
            open=sum(tab.is_open.is_set() for tab in self._tabs),
            turns=sum(chat.turns for chat in self._chats),
            closes=sum(tab.closes for tab in self._tabs),
            refused=sum(tab.refused for tab in self._tabs) + sum(chat.refused for chat in self._chats),
            lost=sum(chat.lost for chat in self._chats),
            beats=sum(tab.beats for tab in self._tabs),
            silence=max((tab.silence for tab in self._tabs), default=0.0),
            lag_ms=lag.ms,
        )


async def sit(link: str, sitting: Sitting) -> None:
    owner = Owner(link)
    await owner.come()
    await OpenTabs(owner, sitting, _print).sit()


def _print(seen: Seen) -> None:
    sys.stdout.write(json.dumps(asdict(seen)) + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("link")
    parser.add_argument("sitting", type=Sitting.read)
    chosen = parser.parse_args()
    asyncio.run(sit(chosen.link, chosen.sitting))


if __name__ == "__main__":
    main()
