"""One stream for all pages of a browser: each adds its feed to it, under a name of its own (ADR 11)."""

import re
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from typing import Any

import gevent
from gevent.queue import Empty, Full, Queue

from webapp.engine.engine import Engine
from webapp.errors import Invalid
from webapp.live.wire import OPENING, noticed_leaving
from webapp.streaming.codec import encode

# In a request for a feed: the stream that is to carry it, and the name that it shall have there. Who knows one may add to it.
HEADER = "Shared-Stream"
PLACE = re.compile(r"([0-9a-f]{32})\.([0-9a-f]{32})")
ID = re.compile("[0-9a-f]{32}")
END = "end"
# How many frames may wait to be sent; a feed that has more waits too, and has all of it in one frame then.
MOST_WAITING = 16
# A stream that carries nothing is let go.
IDLE_SECONDS = 5.0

_streams: dict[str, "SharedStream"] = {}


class SharedStream:
    """What is sent to one browser, whose pages say what they want to hear."""

    def __init__(self, engine: Engine, id: str, socket: Any = None) -> None:
        self._engine, self._id, self._socket = engine, id, socket
        # Nobody adds to somebody else's.
        self._person: str | None = None
        self._feeds: dict[str, gevent.Greenlet] = {}
        self._waiting: Queue[bytes] = Queue(MOST_WAITING)
        self._is_over = False
        _streams[id] = self

    def add(self, name: str, person: str, frames: Generator[bytes, None, None]) -> bool:
        """Carries a feed from now on; says if it does."""
        if self._is_over or name in self._feeds or self._person not in (None, person):
            return False
        self._person = person
        self._feeds[name] = gevent.spawn(self._carry, name, frames)
        return True

    def remove(self, name: str) -> None:
        """Carries it no longer."""
        if feed := self._feeds.get(name):
            feed.kill(block=False)

    def __iter__(self) -> Iterator[bytes]:
        """What its feeds say, each in messages named after it, until the browser leaves or nothing is wanted any more."""
        with noticed_leaving(self._socket, self._wake) as is_gone:
            yield OPENING
            while not (is_gone() or self._is_over):
                yield self._next()
                # As in `watch`: what was sent is held no longer.
                yield b""

    def close(self) -> None:
        """Called by the server at the end, also when it has sent nothing."""
        self._is_over = True
        if _streams.get(self._id) is self:
            del _streams[self._id]
        gevent.killall(list(self._feeds.values()), block=False)

    def _next(self) -> bytes:
        try:
            frames = [self._waiting.get(timeout=IDLE_SECONDS)]
        except Empty:
            frames = []
        with suppress(Empty):
            while True:
                frames.append(self._waiting.get_nowait())
        self._is_over |= not self._feeds and (not frames or self._engine.is_closed)
        return b"".join(frames)

    def _carry(self, name: str, frames: Generator[bytes, None, None]) -> None:
        try:
            with closing(frames):
                for frame in frames:
                    if frame:
                        self._waiting.put(encode(frame.decode(), event=name))
        finally:
            del self._feeds[name]
            if not self._is_over:
                self._waiting.put(encode(name, event=END))

    def _wake(self) -> None:
        with suppress(Full):
            self._waiting.put_nowait(b"")


def opened(engine: Engine, id: str, socket: Any) -> SharedStream:
    """A stream that a browser opens under a name that it has made up."""
    if not ID.fullmatch(id) or id in _streams:
        raise Invalid("A shared stream needs a name of its own.")
    return SharedStream(engine, id, socket)


def added(place: str, person: str, frames: Generator[bytes, None, None]) -> str:
    """The name under which a shared stream carries this feed; nothing when it has to be sent for itself."""
    found = PLACE.fullmatch(place)
    stream = _streams.get(found[1]) if found else None
    return found[2] if found and stream and stream.add(found[2], person, frames) else ""


def remove(place: str) -> None:
    """A page has left."""
    if (found := PLACE.fullmatch(place)) and (stream := _streams.get(found[1])):
        stream.remove(found[2])
