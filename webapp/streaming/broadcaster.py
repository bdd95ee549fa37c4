"""Broadcasts a generation: folded and rendered once, shared by all its watchers.

New text comes from `Run.flush` by `Topics.append`, which calls `Broadcast.fold_new`. That sets the signal of each watcher, whose
connection (`webapp/engine/watching/watcher_loop.py`) asks its feed for what is new and sends it.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from .codec import encode
from .failure import MISTAKES
from .loops import Spawn, supervise
from .topics import Entry, Signal, Topics, merged_entries

log = logging.getLogger("generation:broadcast")

# How many cursors of an answer have their frames cached at a time.
MOST_SHARED = 32
Cursor = tuple[int, ...]


@dataclass(frozen=True)
class Frame:
    """One message on the wire; a message without an event name is swapped into the page."""

    data: str
    event: str = ""

    @cached_property
    def wire(self) -> bytes:
        """The encoded frame: it has no position, so it is the same for all watchers and encoded once."""
        return encode(self.data, event=self.event)


class Projection(Protocol):
    """A topic folded into what pages show. Long work yields between pieces, so that it does not block the event loop.

    `begin` takes the text from before the first event, `finish` makes the final version after the last; both are idempotent.
    """

    has_ended: bool

    def begin(self) -> Iterator[None]: ...
    def fold(self, entry: Entry) -> Iterator[None]: ...
    def since(self, cursor: Cursor) -> tuple[list[Frame], Cursor]: ...
    def snapshot(self) -> tuple[Any, Cursor]: ...
    def finish(self) -> Iterator[None]: ...


class Broadcast:
    """Keeps a projection up to date while it has watchers: events are folded as they are appended, once for all watchers.

    Only the first piece of a long text is folded there; a greenlet does the rest, as appending must not wait. A projection that
    fails stays as it is: its watchers get the saved answer, once that is announced.
    """

    def __init__(
        self, topic: str, projection: Projection, topics: Topics, *, spawn: Spawn, pause: Callable[[float], object]
    ) -> None:
        self.projection, self.has_failed = projection, False
        self._topic, self._topics = topic, topics
        self._spawn, self._pause = spawn, pause
        self._after = self._transient_count = 0
        # Until everything present at the first watcher's arrival is folded, a page that reconnects can be ahead of the
        # projection.
        self._has_begun = False
        # The greenlet that has set it folds until nothing is left, including entries appended in the meantime.
        self._is_folding = False
        # A dictionary, as it keeps the order of arrival.
        self._watchers: dict[Signal, None] = {}
        self._shared: dict[Cursor, tuple[list[Frame], Cursor]] = {}

    @contextmanager
    def watched_by(self, signal: Signal) -> Iterator[None]:
        """Sets the signal whenever there is something new, while inside the block."""
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
        """Returns the frames since a watcher's cursor, cached for all watchers at the same cursor, and the new cursor."""
        if not self._has_begun:
            return [], cursor
        if not (shared := self._shared.get(cursor)):
            if len(self._shared) >= MOST_SHARED:
                # A page can send any cursor, so the cache must be bounded.
                self._shared.clear()
            shared = self._shared[cursor] = self.projection.since(cursor)
        return shared

    def snapshot(self) -> tuple[Any, Cursor]:
        """Returns the current snapshot and the cursor that follows it."""
        self.catch_up()
        return self.projection.snapshot()

    def catch_up(self) -> None:
        """Folds all entries that have been appended since."""
        while self._is_folding:
            self._pause(0)
        self._is_folding = True
        try:
            self._go_through(self._work())
        finally:
            self._is_folding = False

    def fold_new(self) -> None:
        """Folds what has just been appended, or its first piece; failures are logged and never raised to the caller."""
        if not self._is_folding:
            self._is_folding = True
            if not supervise("broadcast", self._begin, self._pause, tries=1):
                self._is_folding = False

    def _begin(self) -> None:
        work = self._work()
        if next(work, self) is self:
            self._is_folding = False
        else:
            self._shared.clear()
            self._spawn(lambda: self._do_rest(work))

    def _do_rest(self, work: Iterator[None]) -> None:
        try:
            self._pause(0)
            self._go_through(work)
        finally:
            self._is_folding = False

    def _go_through(self, work: Iterator[None]) -> None:
        for _ in work:
            # Readers in between must get what is folded now, not the cached frames.
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
            for entry in merged_entries(entries) if len(entries) > 1 else entries:
                yield from self._drawn(self.projection.fold, entry)
                self._after = entry.seq
        transient, self._transient_count = self._topics.transient_since(self._topic, self._transient_count)
        for event in transient:
            has_news = True
            yield from self._drawn(self.projection.fold, Entry(self._after, event))
        self._has_begun = True
        if has_news:
            self._shared.clear()
            for signal in list(self._watchers):
                signal.set()

    def _drawn(self, work: Callable[..., Iterator[None]], *entry: Entry) -> Iterator[None]:
        if self.has_failed:
            return
        try:
            yield from work(*entry)
        except MISTAKES:
            log.exception("%s can't be shown any further while it is being written", self._topic)
            self.has_failed = True
