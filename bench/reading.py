"""Reads an answer's tokens by their timestamps, and measures how late the reading process itself is. Pure."""

import asyncio
import re
import time
from collections.abc import Callable

from bench.browsing import Stream
from bench.figures import percentile

TOKEN = re.compile(rb"k(\d{5})t(\d{15})")
LONGEST_TOKEN = 32
PAUSE_SECONDS = 0.01


class Reading:
    """What one person has read of their answer; `late_ms` has the lateness of tokens sent while they were listening, with when.

    `begun` is called at the first token, or when the page that shows it listens for more.
    """

    def __init__(self, tokens: int, begun: Callable[[], None] = lambda: None) -> None:
        self.seen: set[int] = set()
        self.late_ms: list[tuple[float, float]] = []
        self.first_ms: float | None = None
        self.was_refused = self.has_begun = False
        self._tokens, self._rest, self._begun = tokens, b"", begun
        self.ask()
        self._listens_from = float("inf")

    @property
    def is_whole(self) -> bool:
        return len(self.seen) == self._tokens

    def ask(self) -> None:
        """Starts the time to the first token."""
        self._asked_at = time.monotonic()

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
            self._begin()
        if sent_at > self._listens_from:
            self.late_ms.append((sent_at, (now - sent_at) * 1000))

    def _begin(self) -> None:
        if not self.has_begun and self.first_ms is not None and self._listens_from < float("inf"):
            self.has_begun = True
            self._begun()

    async def listen(self, stream: Stream) -> None:
        """Reads until the stream ends or all tokens have arrived; then leaves the stream open, as a page does."""
        # Counts the lateness of tokens that are sent from now on.
        self._stream, self._listens_from = stream, time.monotonic()
        self._begin()
        while not self.is_whole and (piece := await stream.reader.read(65536)):
            self.take(piece)


class Lag:
    """Measures how late this process's event loop is, inside its block."""

    def __init__(self) -> None:
        self._late_ms: list[float] = []

    @property
    def ms(self) -> float:
        """The 99th percentile since the last call."""
        late, self._late_ms = self._late_ms, []
        return percentile(late, 0.99)

    async def __aenter__(self) -> "Lag":
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()

    async def _watch(self) -> None:
        while True:
            due = time.monotonic() + PAUSE_SECONDS
            await asyncio.sleep(PAUSE_SECONDS)
            self._late_ms.append((time.monotonic() - due) * 1000)
