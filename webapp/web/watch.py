"""The one streaming answer: a page that listens hears its feed until it leaves, or we do."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import gevent
from flask import Response, request

from webapp.generations.engine import Engine
from webapp.streaming.broadcaster import Frame
from webapp.streaming.codec import HEARTBEAT, encode
from webapp.streaming.events import Changed
from webapp.streaming.topics import Gap, Signal, Topics

HEARTBEAT_SECONDS = 15.0
OPENING = b"retry: 500\n\n" + HEARTBEAT
LOST = "superseded"
SUPERSEDED = encode("Another page took this place.", event=LOST, id=LOST)
HEADERS = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}


class Feed(Protocol):
    """What a page listens to. `news` gives all frames since the last call; `position` is where the page then is.

    `last_news` does not wait for what is still to be folded.
    """

    lane: str

    def listen(self, signal: Signal) -> None: ...
    def topics(self) -> dict[str, int]: ...
    def news(self) -> list[Frame]: ...
    def last_news(self) -> list[Frame]: ...
    def position(self) -> str: ...
    def close(self) -> None: ...


class Place:
    """A watcher's place; when its person opens too many, the oldest loses it."""

    def __init__(self, signal: Signal) -> None:
        self.signal, self.is_lost = signal, False

    def lose(self) -> None:
        self.is_lost = True
        self.signal.set()


# By person and lane, and by person alone, whose lane is then empty.
_places: defaultdict[tuple[str, str], list[Place]] = defaultdict(list)


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who watches, how many pages of one lane and of all lanes they may have open, and whether they still may at all."""

    person: str
    per_lane: int
    in_all: int
    is_allowed: Callable[[], bool]


class Access:
    """Whether the watcher still may watch: asked at every heartbeat, and at once when something about it has changed."""

    def __init__(self, topics: Topics, watcher: Watcher) -> None:
        self._topics, self._watcher, self._topic = topics, watcher, f"user:{watcher.person}"
        self._after = topics.last(self._topic)

    def topics(self) -> dict[str, int]:
        return {self._topic: self._after}

    def is_lost(self, is_beat: bool) -> bool:
        return (self._has_changed() or is_beat) and not self._watcher.is_allowed()

    def _has_changed(self) -> bool:
        after, self._after = self._after, self._topics.last(self._topic)
        try:
            news = self._topics.read(self._topic, after)
        except Gap:
            return True
        return any(isinstance(entry.event, Changed) and entry.event.what == "access" for entry in news)


def watch(engine: Engine, feed: Feed, watcher: Watcher) -> Response:
    """Streams the feed to this request's browser; access is looked at again at every heartbeat."""
    if request.headers.get("Last-Event-ID") == LOST:
        return Response(status=204)
    frames = _stream(engine, feed, watcher, request.environ.get("gunicorn.socket"))
    return Response(frames, mimetype="text/event-stream", headers=HEADERS, direct_passthrough=True)


def _stream(engine: Engine, feed: Feed, watcher: Watcher, socket: Any) -> Iterator[bytes]:
    signal = engine.signal()
    place = Place(signal)
    with ExitStack() as stack:
        is_gone = stack.enter_context(_noticed_leaving(socket, signal))
        stack.enter_context(_placed((watcher.person, feed.lane), watcher.per_lane, place))
        stack.enter_context(_placed((watcher.person, ""), watcher.in_all, place))
        stack.enter_context(_present(engine, feed.lane, signal))
        stack.callback(feed.close)
        feed.listen(signal)
        access = Access(engine.topics, watcher)
        yield OPENING
        beat_at = time.monotonic() + HEARTBEAT_SECONDS
        while not (is_gone() or engine.is_closed or place.is_lost):
            signal.clear()
            is_beat = time.monotonic() >= beat_at
            if access.is_lost(is_beat):
                return
            frames = feed.news()
            if frames or is_beat:
                yield _encoded(frames, feed.position()) if frames else HEARTBEAT
                beat_at = time.monotonic() + HEARTBEAT_SECONDS
            else:
                engine.topics.wait({**feed.topics(), **access.topics()}, max(0.0, beat_at - time.monotonic()), signal)
        if place.is_lost:
            yield SUPERSEDED
        elif engine.is_closed and (frames := feed.last_news()):
            yield _encoded(frames, feed.position())


def _encoded(frames: list[Frame], position: str) -> bytes:
    """The frames in one write; only the last carries the position, which is reached when all have arrived."""
    *before, last = frames
    return b"".join(encode(frame.data, event=frame.event) for frame in before) + encode(last.data, event=last.event, id=position)


@contextmanager
def _present(engine: Engine, lane: str, signal: Signal) -> Iterator[None]:
    engine.readers.add(signal)
    engine.presence.arrive(lane)
    try:
        yield
    finally:
        engine.presence.leave(lane)
        engine.readers.discard(signal)


@contextmanager
def _placed(key: tuple[str, str], limit: int, place: Place) -> Iterator[None]:
    places = _places[key]
    places.append(place)
    here = [each for each in places if not each.is_lost]
    if limit and len(here) > limit:
        here[0].lose()
    try:
        yield
    finally:
        places.remove(place)
        if not places:
            _places.pop(key, None)


@contextmanager
def _noticed_leaving(socket: Any, signal: Signal) -> Iterator[Callable[[], bool]]:
    """Says at once when the browser has closed; writing alone would learn it only at the second heartbeat."""
    gone: list[bool] = []

    def leave() -> None:
        gone.append(True)
        signal.set()

    if socket is None:
        yield lambda: False
        return
    watcher = gevent.get_hub().loop.io(socket.fileno(), 1)
    watcher.start(leave)
    try:
        yield lambda: bool(gone)
    finally:
        watcher.stop()
        watcher.close()
