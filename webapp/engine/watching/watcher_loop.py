"""The streaming response: sends a page its feed until the page leaves or the server stops.

`_frames` is the loop: it sends the feed's `news`, then waits. While it waits, a signal from a `Broadcast` wakes it; on a
connection that a page has to itself, `push` sends the `quick_news` without waking the loop.
"""

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, Literal, Protocol

import gevent
from flask import Flask, Response, request
from sqlalchemy.exc import OperationalError, TimeoutError as PoolTimeout

from webapp.base import languages, topic_names
from webapp.base.errors import TooMany
from webapp.base.heavy.turns import TurnQueue
from webapp.engine import trace
from webapp.engine.engine import Engine, the_engine
from webapp.engine.state.presence import slots_key
from webapp.engine.watching import shared
from webapp.engine.watching.push import NonBlockingWriter, Push, PushSignal, writer_of
from webapp.engine.watching.sse_response import EVENT_STREAM, OPENING, detecting_disconnect, socket_of, streaming_response
from webapp.streaming.broadcaster import Frame
from webapp.streaming.codec import HEARTBEAT, encode
from webapp.streaming.events import Changed
from webapp.streaming.run import next_stroke
from webapp.streaming.topics import Gap, Signal, Topics

log = logging.getLogger("web:watch")
DATABASE_ERRORS = (OperationalError, PoolTimeout)

HEARTBEAT_SECONDS = 15.0
# How long a stream waits for the database to confirm that its reader still has access.
MOMENT_SECONDS = 0.1
# A send that took this long has waited for the client.
WAITED_SECONDS = 0.05
# How often per heartbeat interval to check whether one is due, and the strokes at which all watchers check together.
CHECKS_PER_HEARTBEAT = 6
TOGETHER_SECONDS = 0.25
LOST = "superseded"
SUPERSEDED = encode("Another page took over.", event=LOST, id=LOST)
MOST_DELIVERED = "You already have {} answers streaming. Wait for one to finish, or stop it."
# An answer takes seconds, rarely minutes.
DELIVERY_RETRY_SECONDS = 5


class PageFeed(Protocol):
    """The feed of a page. `news` returns all new frames; `position` is where the page is after them, empty if unchanged.

    `last_news` also folds the entries that are still waiting for it. `quick_news` does not block: if nothing else is new, it
    returns more text of the answer that the page follows.
    """

    lane: str

    def listen(self, signal: Signal) -> None: ...
    def topics(self) -> dict[str, int]: ...
    def news(self) -> list[Frame]: ...
    def last_news(self) -> list[Frame]: ...
    def quick_news(self) -> list[Frame]: ...
    def position(self) -> str: ...
    def close(self) -> None: ...


class WatcherSlot:
    """A watcher's slot; when its person opens too many pages, the oldest loses its slot."""

    def __init__(self, signal: Signal) -> None:
        self.signal, self.is_revoked = signal, False

    def revoke(self) -> None:
        self.is_revoked = True
        self.signal.set()


# The feeds of a browser's pages share a connection: limits count this many feeds as one connection.
FEEDS_PER_CONNECTION = 4
# Whether a stream has the connection to itself, shares it with others, or delivers the answer that its own request started:
# each counts separately. A stream that delivers an answer is never closed to make room, so the request for one too many is
# refused (`delivering`).
Sort = Literal["alone", "shared", "delivering"]
# By whose limits they count towards, lane (empty for all lanes together), and sort.
_slots: defaultdict[tuple[str, str, Sort], list[WatcherSlot]] = defaultdict(list)
_deliveries: Counter[str] = Counter()
# Streams are opened, and catch up, one per turn of the event loop.
_opening = TurnQueue()


@dataclass(frozen=True, slots=True)
class Watcher:
    """A reader with their limits on open pages, per lane and in all lanes, and a check whether they still have access.

    `counted_as` says whose limits they are, if not the person's.
    """

    person: str
    per_lane: int
    in_all: int
    is_allowed: Callable[[], bool]
    sort: Sort = "alone"
    counted_as: str = ""

    def sharing(self) -> "Watcher":
        """Returns the same watcher with the limits for a shared connection."""
        lane, all = self.per_lane * FEEDS_PER_CONNECTION, self.in_all * FEEDS_PER_CONNECTION
        return replace(self, per_lane=lane, in_all=all, sort="shared")

    def delivering(self) -> "Watcher":
        """Returns the same watcher without limits, which the request for its answer has passed."""
        return replace(self, per_lane=0, in_all=0, sort="delivering")


@contextmanager
def delivering(limits: Mapping[str, int]) -> Iterator[None]:
    """Counts a stream that delivers the answer of its own request, until the block ends.

    `limits` are by whose they are; 0 is none. Raises `TooMany` above one of them.
    """
    for whose, most in limits.items():
        if most and _deliveries[whose] >= most:
            raise TooMany(MOST_DELIVERED.format(most), retry_after=DELIVERY_RETRY_SECONDS)
    _deliveries.update(limits.keys())
    try:
        yield
    finally:
        _deliveries.subtract(limits.keys())
        for whose in limits:
            if not _deliveries[whose]:
                del _deliveries[whose]


class Access:
    """Checks whether a watcher still has access: as often as a heartbeat comes, and immediately after a change of access."""

    def __init__(self, topics: Topics, watcher: Watcher) -> None:
        self._topics, self._watcher, self._names = topics, watcher, topic_names.for_person(watcher.person)
        self._after = self._now()
        self._asking: gevent.Greenlet[..., bool] | None = None

    def topics(self) -> dict[str, int]:
        return dict(zip(self._names, self._after, strict=True))

    def may_be_lost(self) -> bool:
        return self._now() != self._after

    def has_news_for_everyone(self) -> bool:
        """Returns whether something was published to all people since the last check."""
        return self._now()[-1] != self._after[-1]

    def is_revoked(self, is_due: bool) -> bool:
        return not self._watcher.is_allowed() if self._has_changed() else is_due and not self._is_still_allowed()

    def _is_still_allowed(self) -> bool:
        """Returns True also if the database does not reply in time: the stream continues, and the next check asks again."""
        if not self._asking:
            self._asking = gevent.spawn(self._check_allowed)
        self._asking.join(MOMENT_SECONDS)
        if not self._asking.ready():
            return True
        asking, self._asking = self._asking, None
        return bool(asking.value)

    def _check_allowed(self) -> bool:
        try:
            return self._watcher.is_allowed()
        except DATABASE_ERRORS:
            return True

    def _has_changed(self) -> bool:
        before, self._after = self._after, self._now()
        if before == self._after:
            return False
        return any(has_changed(self._topics, name, after, "access") for name, after in zip(self._names, before, strict=True))

    def _now(self) -> tuple[int, ...]:
        return tuple(map(self._topics.last, self._names))


def has_changed(topics: Topics, topic: str, after: int, *what: str) -> bool:
    """Returns whether something of this kind has changed since a position; True if the log no longer has that position."""
    try:
        entries = topics.read(topic, after)
    except Gap:
        return True
    return any(isinstance(entry.event, Changed) and entry.event.what in what for entry in entries)


def open_pages(person: str = "") -> int:
    """Returns how many streams are open, to one person or in total."""
    return sum(len(slots) for (whose, lane, _), slots in _slots.items() if not lane and person in ("", whose))


def _next_beat() -> float:
    # One check earlier than the interval, as the next check would be too late.
    return time.monotonic() + HEARTBEAT_SECONDS * (CHECKS_PER_HEARTBEAT - 1) / CHECKS_PER_HEARTBEAT


def _until_stroke(seconds: float) -> float:
    """Returns the time until the last stroke within so many seconds, so that the timers of a crowd end one wait of the loop."""
    now = time.monotonic()
    return max(0.0, next_stroke(now + seconds - TOGETHER_SECONDS, TOGETHER_SECONDS) - now)


class WatcherConnection:
    """A watcher's connection: what wakes it, and why it must end. The `push_signal` is for what the watcher follows."""

    def __init__(self, engine: Engine, slot: WatcherSlot, access: Access, is_gone: Callable[[], bool]) -> None:
        self.signal, self._engine, self._slot, self._access, self._is_gone = slot.signal, engine, slot, access, is_gone
        self.push_signal = PushSignal(slot.signal)
        self._writer: NonBlockingWriter | None = None
        self._push: Push | None = None
        self._beat_at = self._check_at = _next_beat()

    @property
    def is_over(self) -> bool:
        """Whether the watcher has left, the server is closing, or another page has taken the slot."""
        return self._is_gone() or self._engine.is_closed or self._slot.is_revoked

    @property
    def is_superseded(self) -> bool:
        return self._slot.is_revoked

    def is_beat(self) -> bool:
        """Returns whether a heartbeat is due, without which proxies and clients would consider the connection dead."""
        return time.monotonic() >= self._beat_at

    @property
    def may_be_refused(self) -> bool:
        return self._access.may_be_lost()

    def is_refused(self) -> bool:
        """Returns whether the watcher has lost access; checked regularly also while text flows and no heartbeat is due."""
        if is_due := self._is_check_due():
            self._check_at = _next_beat()
        return self._access.is_revoked(is_due)

    def note_sent(self) -> None:
        """Notes that something was sent, which postpones the heartbeat."""
        self._beat_at = _next_beat()

    def push(self, quick: Callable[[], bytes], writer: NonBlockingWriter | None) -> None:
        """Registers `quick`: while the watcher waits, appended text is sent directly if the connection takes it."""
        if writer:
            self._writer, self._push = writer, partial(self._is_pushed, quick, writer)

    def wait(self, topics: dict[str, int], signal: Signal | None = None) -> None:
        """Waits for news that was not pushed, or for the next heartbeat; `signal` is the one that topics set."""
        self.push_signal.push = self._push
        try:
            self._engine.logs.topics.wait({**topics, **self._access.topics()}, None, signal or self.signal)
        finally:
            self.push_signal.push = None
        if (self._writer and self._writer.finish()) or self._access.has_news_for_everyone():
            # Much has arrived in the meantime, and watchers that were blocked together continue together, so one per turn. So
            # do all who are told what everyone is told.
            _opening.wait()

    def _is_pushed(self, quick: Callable[[], bytes], writer: NonBlockingWriter) -> bool:
        if not (content := quick()):
            return False
        self.note_sent()
        return writer.offer(content)

    def _is_check_due(self) -> bool:
        return time.monotonic() >= self._check_at

    @contextmanager
    def reminded(self) -> Iterator["WatcherConnection"]:
        """Makes a heartbeat or check of access that is due end a wait, while inside the block."""
        # One timer for all waits: one for each would cost more than the wait itself.
        seconds = HEARTBEAT_SECONDS / CHECKS_PER_HEARTBEAT
        timer = gevent.get_hub().loop.timer(_until_stroke(seconds), seconds)
        timer.start(lambda: self.signal.set() if self.is_beat() or self._is_check_due() else None)
        try:
            yield self
        finally:
            timer.stop()
            timer.close()


def _begins(environ: dict[str, Any]) -> bool:
    """Returns whether a request opens a stream or sends JSON: many of these at the same moment would block the event loop."""
    if environ["REQUEST_METHOD"] == "GET":
        return EVENT_STREAM in environ.get("HTTP_ACCEPT", "")
    return "json" in environ.get("CONTENT_TYPE", "")


def init(app: Flask) -> None:
    """Wraps the WSGI application: requests for streams, and programs' requests with a body, wait for their turn first."""
    inner = app.wsgi_app

    def outer(environ: dict[str, Any], start_response: Any) -> Any:
        if _begins(environ):
            _opening.enter()
        return inner(environ, start_response)

    app.wsgi_app = outer  # type: ignore[method-assign]


def watch(feed: PageFeed, watcher: Watcher) -> Response:
    """Streams a feed to this request's browser, over its shared stream if requested; access is checked at every heartbeat."""
    if request.headers.get("Last-Event-ID") == LOST:
        return Response(status=204)
    engine, destination = the_engine(), request.headers.get(shared.HEADER, "")
    stream = partial(_stream, languages.current().code, engine, feed)
    if name := shared.attached_stream(destination, watcher.person, stream(watcher.sharing(), None, None)):
        return Response(mimetype=EVENT_STREAM, headers={shared.HEADER: name})
    return streaming_response(stream(watcher, socket_of(request.environ), writer_of(request.environ)))


def _stream(
    language: str, engine: Engine, feed: PageFeed, watcher: Watcher, socket: Any, writer: NonBlockingWriter | None
) -> Generator[bytes, None, None]:
    """Streams in the page's language; ends the stream if the database is unavailable: the page reconnects by itself."""
    languages.use(language)
    try:
        yield from _frames(engine, feed, watcher, socket, writer)
    except DATABASE_ERRORS as error:
        log.warning("a page could not be read and has to connect again: %s", type(error).__name__)


def _frames(
    engine: Engine, feed: PageFeed, watcher: Watcher, socket: Any, writer: NonBlockingWriter | None
) -> Generator[bytes, None, None]:
    with connected(engine, feed.lane, watcher, socket) as connection, closing(feed):
        connection.push(partial(_quick, feed), writer)
        feed.listen(connection.push_signal)
        yield OPENING
        _opening.wait()
        while not connection.is_over:
            connection.signal.clear()
            is_beat = connection.is_beat()
            if connection.is_refused():
                return
            frames = feed.news()
            if frames or is_beat:
                began = time.monotonic()
                yield _encoded(frames, feed.position()) if frames else HEARTBEAT
                connection.note_sent()
                # Releases what was sent: the server holds it until the next chunk, a whole page is a hundred kilobytes, and a
                # thousand watchers can be waiting.
                del frames
                yield b""
                if time.monotonic() - began > WAITED_SECONDS:
                    # The client had stopped reading; those that stopped together continue together, and each has missed much.
                    _opening.wait()
            else:
                connection.wait(feed.topics())
        if connection.is_superseded:
            yield SUPERSEDED
        elif engine.is_closed and (frames := feed.last_news()):
            yield _encoded(frames, feed.position())
        elif not engine.is_closed:
            # Watchers that leave simultaneously also do so one per turn.
            _opening.wait()


@contextmanager
def connected(engine: Engine, lane: str, watcher: Watcher, socket: Any) -> Iterator[WatcherConnection]:
    """Counts the watcher as present, in a slot among those of its person, while inside the block."""
    slot = WatcherSlot(engine.signal())
    with ExitStack() as stack:
        is_gone = stack.enter_context(detecting_disconnect(socket, slot.signal.set))
        whose = watcher.counted_as or watcher.person
        stack.enter_context(_in_slot(engine, (whose, lane, watcher.sort), watcher.per_lane, slot))
        stack.enter_context(_in_slot(engine, (whose, "", watcher.sort), watcher.in_all, slot))
        stack.enter_context(_present(engine, lane, watcher.person, slot.signal))
        stack.enter_context(trace.watching(lane, lambda: slot.is_revoked))
        yield stack.enter_context(WatcherConnection(engine, slot, Access(engine.logs.topics, watcher), is_gone).reminded())


def _quick(feed: PageFeed) -> bytes:
    return _encoded(frames, feed.position()) if (frames := feed.quick_news()) else b""


def _encoded(frames: list[Frame], position: str) -> bytes:
    """Encodes the frames as one write; only the last has the position, which is reached once all have arrived."""
    if not position:
        return b"".join([frame.wire for frame in frames]) if len(frames) > 1 else frames[0].wire
    *before, last = frames
    return b"".join([*(frame.wire for frame in before), _positioned(last.data, last.event, position)])


# Of the watchers of an answer, who are sent the same one after another, the first encodes it. Few, as a frame can be a page.
@lru_cache(maxsize=4)
def _positioned(data: str, event: str, position: str) -> bytes:
    return encode(data, event=event, id=position)


@contextmanager
def _present(engine: Engine, lane: str, person: str, signal: Signal) -> Iterator[None]:
    engine.readers.add(signal)
    engine.presence.arrive(lane, person)
    try:
        yield
    finally:
        engine.presence.leave(lane, person)
        engine.readers.discard(signal)


@contextmanager
def _in_slot(engine: Engine, key: tuple[str, str, Sort], limit: int, slot: WatcherSlot) -> Iterator[None]:
    slots = _slots[key]
    slots.append(slot)
    here = [open_slot for open_slot in slots if not open_slot.is_revoked]
    if limit and len(here) > limit:
        here[0].revoke()
    elsewhere = engine.shared.watcher_limit if engine.shared and limit else None
    name = elsewhere.enter(slots_key(*key), limit, slot.revoke) if elsewhere else ""
    try:
        yield
    finally:
        if elsewhere:
            elsewhere.leave(slots_key(*key), name)
        slots.remove(slot)
        if not slots:
            _slots.pop(key, None)
