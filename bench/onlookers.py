"""Many pages of one answer, in a separate process that only reads during it. `python -m bench.onlookers`.

What was read is parsed after the answer has ended: otherwise the reader's own work would be measured.
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

from bench.browsing import IS_ANSWERED, Owner, Refused
from bench.figures import percentile
from bench.load import BRIEFLY, Load
from bench.reading import PAUSE_SECONDS, Reading

# The first pages, which load what all pages share.
FIRST = 21
GRACE_SECONDS = 30.0
LONGEST_MARK = 8
HEAD_ENDS = b"\r\n\r\n"


@dataclass(frozen=True)
class Crowded:
    """The pages' results: how late the tokens were, and how late the reading process was, in milliseconds."""

    lost: int
    late_ms: tuple[float, float]
    first_ms: tuple[float, float]
    lag_ms: float


@dataclass
class Page:
    """A page's stream, with what arrived and when."""

    stream: socket.socket
    pieces: list[tuple[float, bytes]] = field(default_factory=list)
    tail: bytes = b""

    def take(self, mark: bytes) -> bool:
        """Reads what has arrived; returns whether that was the end."""
        piece = self.stream.recv(65536)
        self.pieces.append((time.monotonic(), piece))
        end, self.tail = self.tail + piece, piece[-LONGEST_MARK:]
        return not piece or mark in end


class Onlookers:
    def __init__(self, link: str, load: Load) -> None:
        self._owner, self._load, self._pages = Owner(link), load, list[Page]()

    def come(self) -> None:
        """Creates the owner, and a chat with its first answer."""
        asyncio.run(self._come())

    def open(self, count: int) -> None:
        for _ in range(count):
            self._pages.append(Page(_opened(self._owner, asyncio.run(self._owner.page(self._path)))))

    def ask(self) -> Crowded:
        """Requests an answer from the first page, and reads it to the last token on all pages."""
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
    """Opens the stream of a page and reads its head."""
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
    """Measures how late this process's timers are inside the block: it also lacks a core when others use it."""
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
    """Prints a line, and waits for one on standard input."""
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
