"""What everybody sees of one generation: folded once, rendered once, shared by all who watch."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any, Protocol

from .events import Delta
from .loops import Spawn, supervise
from .topics import Entry, Signal, Topics, joined

REST_SECONDS = 0.05
# At how many places pages of one answer are, at most, while nothing comes.
MOST_SHARED = 32
# A frame costs as much as so many characters: after fewer it rests twice as long.
FEW_CHARS = 10
Cursor = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """One message on the wire; without an event name it is swapped into the page."""

    data: str
    event: str = ""


class Projection(Protocol):
    """A topic folded into what is shown. `fold` and `finish` yield between pieces of work, so that a long text blocks nobody.

    `finish` makes the definitive picture when nothing more will be said; doing it twice is doing it once.
    """

    has_ended: bool

    def fold(self, entry: Entry) -> Iterator[None]: ...
    def since(self, cursor: Cursor) -> tuple[list[Frame], Cursor]: ...
    def snapshot(self) -> tuple[Any, Cursor]: ...
    def finish(self) -> Iterator[None]: ...


class Broadcast:
    """Keeps a projection up to date while somebody watches, and wakes the watchers, at most twenty times a second."""

    def __init__(
        self,
        topic: str,
        projection: Projection,
        topics: Topics,
        *,
        spawn: Spawn,
        signal: Callable[[], Signal],
        pause: Callable[[float], object],
    ) -> None:
        self.projection = projection
        self._topic, self._topics = topic, topics
        self._spawn, self._pause = spawn, pause
        self._after = 0
        self._folding = Lock()
        self._watchers: set[Signal] = set()
        self._idle = signal()
        self._is_running = False
        self._shared: dict[Cursor, tuple[list[Frame], Cursor]] = {}

    @contextmanager
    def watched_by(self, signal: Signal) -> Iterator[None]:
        """While inside, the signal is set whenever there is something new."""
        self._watchers.add(signal)
        if not self._is_running and not self.projection.has_ended:
            self._is_running = True
            self._spawn(lambda: supervise("broadcast", self._loop, self._pause))
        try:
            yield
        finally:
            self._watchers.discard(signal)
            if not self._watchers:
                self._idle.set()

    def since(self, cursor: Cursor) -> tuple[list[Frame], Cursor]:
        """The frames that bring a watcher from its cursor to now; made once for all at the same cursor."""
        if cursor not in self._shared:
            if len(self._shared) >= MOST_SHARED:
                # A page may say that it is anywhere.
                self._shared.clear()
            self._shared[cursor] = self.projection.since(cursor)
        return self._shared[cursor]

    def snapshot(self) -> tuple[Any, Cursor]:
        """The picture of this moment and the cursor that goes on from it."""
        self.catch_up()
        return self.projection.snapshot()

    def catch_up(self) -> list[Entry]:
        """Folds what has been appended since, and gives it."""
        with self._folding:
            entries = self._topics.read(self._topic, self._after)
            for entry in joined(entries):
                for _ in self.projection.fold(entry):
                    # Whoever looks meanwhile sees what is folded, not what was.
                    self._shared.clear()
                    self._pause(0)
                self._after = entry.seq
            self._shared.clear()
        return entries

    def _loop(self) -> None:
        while self._watchers and not self.projection.has_ended:
            self._idle.clear()
            if self._topics.wait({self._topic: self._after}, 60.0, self._idle):
                entries = self.catch_up()
                for signal in self._watchers:
                    signal.set()
                self._pause(_rest_after(entries))
        self._is_running = False


def _rest_after(entries: list[Entry]) -> float:
    chars = sum(len(entry.event.text) for entry in entries if isinstance(entry.event, Delta))
    return 2 * REST_SECONDS if 0 < chars < FEW_CHARS else REST_SECONDS
