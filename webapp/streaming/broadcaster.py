"""Broadcasts a generation: folded and rendered once, shared by all its watchers."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from threading import Lock
from typing import Any, Protocol

from .codec import encode
from .failure import MISTAKES
from .loops import Spawn, supervise
from .topics import Entry, Signal, Topics, joined

log = logging.getLogger("generation:broadcast")

# At how many places pages of one answer are, at most, while nothing comes.
MOST_SHARED = 32
# So many watchers, who came first, are told whenever something is said. What has come since is told to all others together
# after so many seconds: every other time, when text comes with the beat. Nobody sees that, and it is half the work.
FIRST_TOLD, CROWD_SECONDS = 8, 0.045
Cursor = tuple[int, ...]


@dataclass(frozen=True)
class Frame:
    """One message on the wire; without an event name it is swapped into the page."""

    data: str
    event: str = ""

    @cached_property
    def wire(self) -> bytes:
        """Without a position it is the same for all watchers, and encoded once."""
        return encode(self.data, event=self.event)


class Projection(Protocol):
    """A topic folded into what is shown. All that takes long yields between pieces of work, so that a long text blocks nobody.

    `begin` takes what was there before anything is said, `finish` makes the definitive picture when nothing more will be;
    doing either twice is doing it once.
    """

    has_ended: bool

    def begin(self) -> Iterator[None]: ...
    def fold(self, entry: Entry) -> Iterator[None]: ...
    def since(self, cursor: Cursor) -> tuple[list[Frame], Cursor]: ...
    def snapshot(self) -> tuple[Any, Cursor]: ...
    def finish(self) -> Iterator[None]: ...


class Broadcast:
    """Keeps a projection up to date while somebody watches: what is said is folded where it is said, once for all watchers.

    Only the first piece of work of a long text is done there; a greenlet does the rest, as whoever says something waits for
    nobody. A projection that fails is left as it was then: its watchers see what is saved, as soon as that is announced.
    """

    def __init__(
        self, topic: str, projection: Projection, topics: Topics, *, spawn: Spawn, pause: Callable[[float], object]
    ) -> None:
        self.projection, self.has_failed = projection, False
        self._topic, self._topics = topic, topics
        self._spawn, self._pause = spawn, pause
        self._after = 0
        # Until all is folded that was there when somebody came first, a page that comes back may have more than is known here.
        self._has_begun = False
        # Whoever holds it folds until nothing is left, also of what is said meanwhile.
        self._folding = Lock()
        # In the order in which they came.
        self._watchers: dict[Signal, None] = {}
        self._is_crowd_waiting = False
        self._shared: dict[Cursor, tuple[list[Frame], Cursor]] = {}

    @contextmanager
    def watched_by(self, signal: Signal) -> Iterator[None]:
        """While inside, the signal is set whenever there is something new."""
        self._watchers[signal] = None
        self._topics.listen(self._topic, self.fold_new)
        self.fold_new()
        try:
            yield
        finally:
            self._watchers.pop(signal, None)
            if not self._watchers:
                self._topics.unlisten(self._topic, self.fold_new)

    def since(self, cursor: Cursor) -> tuple[list[Frame], Cursor]:
        """The frames that bring a watcher from its cursor to now; made once for all at the same cursor."""
        if not self._has_begun:
            return [], cursor
        if not (shared := self._shared.get(cursor)):
            if len(self._shared) >= MOST_SHARED:
                # A page may say that it is anywhere.
                self._shared.clear()
            shared = self._shared[cursor] = self.projection.since(cursor)
        return shared

    def snapshot(self) -> tuple[Any, Cursor]:
        """The picture of this moment and the cursor that goes on from it."""
        self.catch_up()
        return self.projection.snapshot()

    def catch_up(self) -> None:
        """Folds what has been appended since."""
        with self._folding:
            self._go_through(self._work())

    def fold_new(self) -> None:
        """Folds what has just been appended, or at least its first piece; nothing that goes wrong in it concerns the caller."""
        # Asked first: gevent lets others go on where a lock is not to be had.
        if not self._folding.locked():
            self._folding.acquire()
            work = self._work()
            is_well = supervise("broadcast", lambda: self._begin(work), self._pause, tries=1)
            if not is_well:
                self._folding.release()

    def _begin(self, work: Iterator[None]) -> None:
        if next(work, self) is self:
            self._folding.release()
        else:
            self._shared.clear()
            self._spawn(lambda: self._do_rest(work))

    def _do_rest(self, work: Iterator[None]) -> None:
        try:
            self._pause(0)
            self._go_through(work)
        finally:
            self._folding.release()

    def _go_through(self, work: Iterator[None]) -> None:
        for _ in work:
            # Whoever looks meanwhile sees what is folded, not what was.
            self._shared.clear()
            self._pause(0)

    def _work(self) -> Iterator[None]:
        has_news = False
        if not self._has_begun:
            for _ in self._drawn(self.projection.begin):
                has_news = True
                yield
        while entries := self._topics.read(self._topic, self._after):
            has_news = True
            for entry in joined(entries) if len(entries) > 1 else entries:
                yield from self._drawn(partial(self.projection.fold, entry))
                self._after = entry.seq
        self._has_begun = True
        if has_news:
            self._shared.clear()
            self._tell()

    def _tell(self) -> None:
        for signal in list(self._watchers)[:FIRST_TOLD]:
            signal.set()
        if len(self._watchers) > FIRST_TOLD and not self._is_crowd_waiting:
            self._is_crowd_waiting = True
            self._spawn(self._tell_crowd)

    def _tell_crowd(self) -> None:
        self._pause(CROWD_SECONDS)
        self._is_crowd_waiting = False
        for signal in list(self._watchers)[FIRST_TOLD:]:
            signal.set()

    def _drawn(self, work: Callable[[], Iterator[None]]) -> Iterator[None]:
        if self.has_failed:
            return
        try:
            yield from work()
        except MISTAKES:
            log.exception("%s can't be shown any further while it is being written", self._topic)
            self.has_failed = True
