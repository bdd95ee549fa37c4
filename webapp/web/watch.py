"""The one streaming answer: a page that listens hears its feed until it leaves, or we do."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import gevent
from flask import Response, request

from webapp import lanes
from webapp.generations import trace
from webapp.generations.engine import Engine
from webapp.streaming.broadcaster import Frame
from webapp.streaming.codec import HEARTBEAT, encode
from webapp.streaming.events import Changed
from webapp.streaming.topics import Gap, Signal, Topics

HEARTBEAT_SECONDS = 15.0
# How often in that time it is looked whether one is due.
LOOKS = 4
OPENING = b"retry: 500\n\n" + HEARTBEAT
LOST = "superseded"
SUPERSEDED = encode("Another page took this place.", event=LOST, id=LOST)
HEADERS = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}


class Feed(Protocol):
    """What a page listens to. `news` gives all frames since the last call; `position` is where the page then is, if that was
    not said before.

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
        self._topics, self._watcher, self._topic = topics, watcher, lanes.of_person(watcher.person)
        self._after = topics.last(self._topic)

    def topics(self) -> dict[str, int]:
        return {self._topic: self._after}

    def is_lost(self, is_beat: bool) -> bool:
        return (self._has_changed() or is_beat) and not self._watcher.is_allowed()

    def _has_changed(self) -> bool:
        after, self._after = self._after, self._topics.last(self._topic)
        return after != self._after and has_changed(self._topics, self._topic, after, "access")


def has_changed(topics: Topics, topic: str, after: int, *what: str) -> bool:
    """Whether something of this kind has changed since; of what is not in the log any more, something may have."""
    try:
        entries = topics.read(topic, after)
    except Gap:
        return True
    return any(isinstance(entry.event, Changed) and entry.event.what in what for entry in entries)


def open_pages(person: str = "") -> int:
    """How many streams are open at this moment, to one person or to everybody."""
    return sum(len(places) for (whose, lane), places in _places.items() if not lane and person in ("", whose))


class Seat:
    """One connection of a watcher: what wakes it, and why it may have to end."""

    def __init__(self, engine: Engine, place: Place, access: Access, is_gone: Callable[[], bool]) -> None:
        self.signal, self._engine, self._place, self._access, self._is_gone = place.signal, engine, place, access, is_gone
        self.spoke()

    @property
    def is_over(self) -> bool:
        """Whether the watcher has left, we close, or another page has taken the place."""
        return self._is_gone() or self._engine.is_closed or self._place.is_lost

    @property
    def is_superseded(self) -> bool:
        return self._place.is_lost

    def is_beat(self) -> bool:
        """Whether something must be sent now, so that nobody takes the connection for dead."""
        return time.monotonic() >= self._beat_at

    def is_refused(self, is_beat: bool) -> bool:
        return self._access.is_lost(is_beat)

    def spoke(self) -> None:
        """Something has been sent."""
        # At the last look before it would be too late.
        self._beat_at = time.monotonic() + HEARTBEAT_SECONDS * (LOOKS - 1) / LOOKS

    def wait(self, topics: dict[str, int]) -> None:
        """Until there is news, or the next heartbeat is due."""
        self._engine.topics.wait({**topics, **self._access.topics()}, None, self.signal)

    @contextmanager
    def reminded(self) -> Iterator["Seat"]:
        """While inside, a heartbeat that is due ends a wait."""
        # One timer for all its waits: one for each would cost more than the wait.
        seconds = HEARTBEAT_SECONDS / LOOKS
        timer = gevent.get_hub().loop.timer(seconds, seconds)
        timer.start(lambda: self.signal.set() if self.is_beat() else None)
        try:
            yield self
        finally:
            timer.stop()
            timer.close()


def watch(engine: Engine, feed: Feed, watcher: Watcher) -> Response:
    """Streams the feed to this request's browser; access is looked at again at every heartbeat."""
    if request.headers.get("Last-Event-ID") == LOST:
        return Response(status=204)
    return streamed(_stream(engine, feed, watcher, socket_of(request.environ)))


def streamed(frames: Iterator[bytes]) -> Response:
    """An answer that is sent as it comes."""
    return Response(frames, mimetype="text/event-stream", headers=HEADERS, direct_passthrough=True)


def socket_of(environ: Mapping[str, Any]) -> Any:
    """The socket of a request, where the server shows it."""
    return environ.get("gunicorn.socket")


def _stream(engine: Engine, feed: Feed, watcher: Watcher, socket: Any) -> Iterator[bytes]:
    with seated(engine, feed.lane, watcher, socket) as seat, closing(feed):
        feed.listen(seat.signal)
        yield OPENING
        while not seat.is_over:
            seat.signal.clear()
            is_beat = seat.is_beat()
            if seat.is_refused(is_beat):
                return
            frames = feed.news()
            if frames or is_beat:
                yield _encoded(frames, feed.position()) if frames else HEARTBEAT
                seat.spoke()
            else:
                seat.wait(feed.topics())
        if seat.is_superseded:
            yield SUPERSEDED
        elif engine.is_closed and (frames := feed.last_news()):
            yield _encoded(frames, feed.position())


@contextmanager
def seated(engine: Engine, lane: str, watcher: Watcher, socket: Any) -> Iterator[Seat]:
    """While inside, the watcher counts as there, in its place among those of its person."""
    place = Place(engine.signal())
    with ExitStack() as stack:
        is_gone = stack.enter_context(_noticed_leaving(socket, place.signal))
        stack.enter_context(_placed((watcher.person, lane), watcher.per_lane, place))
        stack.enter_context(_placed((watcher.person, ""), watcher.in_all, place))
        stack.enter_context(_present(engine, lane, place.signal))
        stack.enter_context(trace.watching(lane, lambda: place.is_lost))
        yield stack.enter_context(Seat(engine, place, Access(engine.topics, watcher), is_gone).reminded())


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
