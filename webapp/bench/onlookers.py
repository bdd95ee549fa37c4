"""Many pages of one answer, in a process of their own that only reads while it is written. `python -m webapp.bench.onlookers`.

What has come is looked at when all of it is there: otherwise the reader would be what is measured.
"""

import argparse
import asyncio
import json
import select
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

from webapp.bench.browsing import IS_ANSWERED, Owner, Refused
from webapp.bench.figures import percentile
from webapp.bench.load import BRIEFLY, Load
from webapp.bench.reading import PAUSE_SECONDS, Reading

# The first pages load what all need.
FIRST = 21
GRACE_SECONDS = 30.0
LONGEST_MARK = 8
HEAD_ENDS = b"\r\n\r\n"


@dataclass(frozen=True)
class Crowded:
    """What the pages say: how late the tokens were, in milliseconds, and how late their process itself."""

    lost: int
    late_ms: tuple[float, float]
    first_ms: tuple[float, float]
    lag_ms: float


@dataclass
class Page:
    """A page's stream, and what came on it and when."""

    stream: socket.socket
    pieces: list[tuple[float, bytes]] = field(default_factory=list)
    tail: bytes = b""

    def take(self, mark: bytes) -> bool:
        """Keeps what has come; says if that was the last of it."""
        piece = self.stream.recv(65536)
        self.pieces.append((time.monotonic(), piece))
        end, self.tail = self.tail + piece, piece[-LONGEST_MARK:]
        return not piece or mark in end


class Onlookers:
    def __init__(self, link: str, load: Load) -> None:
        self._owner, self._load, self._pages = Owner(link), load, list[Page]()

    def come(self) -> None:
        """The owner, and a chat that has its first answer."""
        asyncio.run(self._come())

    def open(self, count: int) -> None:
        for _ in range(count):
            self._pages.append(Page(_opened(self._owner, asyncio.run(self._owner.page(self._path)))))

    def ask(self) -> Crowded:
        """The first page asks, and all of them read to the last token."""
        began, asking = time.monotonic(), threading.Thread(target=lambda: asyncio.run(self._ask()))
        with _lag() as late_ms:
            asking.start()
            self._read(began + self._load.answer_seconds + GRACE_SECONDS)
        asking.join()
        readings = [self._reading(page, began) for page in self._pages]
        late = [ms for reading in readings for _, ms in reading.late_ms]
        first = [reading.first_ms for reading in readings if reading.first_ms is not None]
        lost = sum(self._load.tokens - len(reading.seen) for reading in readings)
        return Crowded(lost, _pair(late), _pair(first), percentile(late_ms, 0.99))

    async def _come(self) -> None:
        await self._owner.come()
        self._path = await self._owner.send("/chats", {"message": BRIEFLY, "key": "crowd"})
        async with asyncio.timeout(GRACE_SECONDS):
            while IS_ANSWERED not in await self._owner.page(self._path):
                await asyncio.sleep(0.05)

    async def _ask(self) -> None:
        await self._owner.write(f"{self._path}/messages", {"message": "Question", "key": self._path})

    def _read(self, until: float) -> None:
        mark = b"k%05dt" % (self._load.tokens - 1)
        with select.epoll() as epoll:
            reading = {page.stream.fileno(): page for page in self._pages}
            for number in reading:
                epoll.register(number, select.EPOLLIN)
            while reading and time.monotonic() < until:
                for number, _ in epoll.poll(1.0):
                    if reading[number].take(mark):
                        epoll.unregister(number)
                        del reading[number]

    def _reading(self, page: Page, began: float) -> Reading:
        reading = Reading(self._load.tokens)
        reading.ask(began)
        reading.listens(began)
        for at, piece in page.pieces:
            reading.take(piece, at)
        return reading


def _opened(owner: Owner, page: str) -> socket.socket:
    """The stream of a page, from behind its head on."""
    stream = socket.create_connection(owner.place, GRACE_SECONDS)
    stream.sendall(owner.stream_request(page))
    head = b""
    while HEAD_ENDS not in head:
        if not (piece := stream.recv(4096)):
            break
        head += piece
    if not head.startswith(b"HTTP/1.1 200"):
        raise Refused(f"the stream answered {head[:40]!r}")
    return stream


@contextmanager
def _lag() -> Iterator[list[float]]:
    """How late this process is by itself, while inside: it also lacks a core where others take it."""
    late_ms, is_over = list[float](), threading.Event()

    def watch() -> None:
        due = time.monotonic() + PAUSE_SECONDS
        while not is_over.wait(PAUSE_SECONDS):
            late_ms.append((time.monotonic() - due) * 1000)
            due = time.monotonic() + PAUSE_SECONDS

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield late_ms
    finally:
        is_over.set()
        watching.join()


def _pair(values: Sequence[float]) -> tuple[float, float]:
    return percentile(values, 0.5), percentile(values, 0.99)


def _word(line: str) -> None:
    """Says this, and waits for what is said to it."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
    sys.stdin.readline()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("link")
    parser.add_argument("load", type=Load.read)
    parser.add_argument("pages", type=int)
    chosen = parser.parse_args()
    onlookers = Onlookers(chosen.link, chosen.load)
    onlookers.come()
    onlookers.open(min(FIRST, chosen.pages))
    _word("some")
    onlookers.open(max(0, chosen.pages - FIRST))
    _word("all")
    _word(json.dumps(asdict(onlookers.ask())))


if __name__ == "__main__":
    main()
