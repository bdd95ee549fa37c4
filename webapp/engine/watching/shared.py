"""One stream for all pages of a browser: each page adds its feed to it, under a name of its own (ADR 11)."""

import re
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from typing import Any

import gevent
from gevent.queue import Empty, Full, Queue

from webapp.base.errors import Invalid
from webapp.engine.engine import Engine, the_engine
from webapp.engine.watching.sse_response import OPENING, detecting_disconnect
from webapp.streaming.codec import encode

# Header of a request for a feed: the shared stream that is to carry it, and the feed's name there. A client that knows the
# stream's id can add to it.
HEADER = "Shared-Stream"
DESTINATION = re.compile(r"([0-9a-f]{32})\.([0-9a-f]{32})")
ID = re.compile("[0-9a-f]{32}")
END = "end"
# How many frames can wait to be sent; a feed with more waits too, and then sends its backlog in one frame.
MOST_WAITING = 16
# A stream without feeds is closed after this time.
IDLE_SECONDS = 5.0

_streams: dict[str, "SharedStream"] = {}


class SharedStream:
    """The stream of one browser, to which its pages add the feeds they need."""

    def __init__(self, engine: Engine, id: str, socket: Any = None) -> None:
        self._engine, self._id, self._socket = engine, id, socket
        # The first feed sets it: no one can add to another person's stream.
        self._person: str | None = None
        self._feeds: dict[str, gevent.Greenlet] = {}
        self._waiting: Queue[bytes] = Queue(MOST_WAITING)
        self._is_over = False
        _streams[id] = self

    def add(self, name: str, person: str, frames: Generator[bytes, None, None]) -> bool:
        """Carries a feed from now on; returns False if it cannot."""
        if self._is_over or name in self._feeds or self._person not in (None, person):
            return False
        self._person = person
        self._feeds[name] = gevent.spawn(self._carry, name, frames)
        return True

    def remove(self, name: str) -> None:
        """Stops carrying a feed."""
        if feed := self._feeds.get(name):
            feed.kill(block=False)

    def __iter__(self) -> Iterator[bytes]:
        """Yields the feeds' frames as events named after the feed, until the browser leaves or has no feeds left."""
        with detecting_disconnect(self._socket, self._wake) as is_gone:
            yield OPENING
            while not (is_gone() or self._is_over):
                yield self._next()
                # As in `watcher_loop`: releases what was sent.
                yield b""

    def close(self) -> None:
        """Closes the stream; the WSGI server calls this at the end, even if it has sent nothing."""
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


def opened(id: str, socket: Any) -> SharedStream:
    """Opens a stream under an id chosen by the browser."""
    if not ID.fullmatch(id) or id in _streams:
        raise Invalid("A shared stream needs a name of its own.")
    return SharedStream(the_engine(), id, socket)


def attached_stream(destination: str, person: str, frames: Generator[bytes, None, None]) -> str:
    """Returns the name under which a shared stream now carries this feed; empty if the feed needs a stream of its own."""
    match = DESTINATION.fullmatch(destination)
    stream = _streams.get(match[1]) if match else None
    return match[2] if match and stream and stream.add(match[2], person, frames) else ""


def remove(destination: str) -> None:
    """Removes the feed of a page that has left."""
    if (match := DESTINATION.fullmatch(destination)) and (stream := _streams.get(match[1])):
        stream.remove(match[2])
