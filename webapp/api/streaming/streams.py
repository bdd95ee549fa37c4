"""Answers as server-sent events: a generation in the frames of a dialect, from any position."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import Any, Literal

from flask import Response, request

from webapp.api import access
from webapp.api.operations import DELIVERS
from webapp.api.sources import redaction
from webapp.api.streaming.course import NO_ACCESS
from webapp.api.streaming.encoding import Encoder
from webapp.api.streaming.feed import SUPERSEDED, ConnectionFeed, GenerationFeed, has_logged_end
from webapp.base import topic_names
from webapp.base.db import db
from webapp.base.errors import NotFound
from webapp.chat.record.access import right_in
from webapp.chat.record.tables import Chat
from webapp.engine.engine import Engine, the_engine
from webapp.engine.tables import Generation
from webapp.engine.watching.push import NonBlockingWriter, writer_of
from webapp.engine.watching.sse_response import socket_of, streaming_response
from webapp.engine.watching.watcher_loop import Watcher, WatcherConnection, connected
from webapp.engine.watching.watchers import Context, same_request, watcher
from webapp.people.accounts.guards import user_or_none
from webapp.settings.service import setting
from webapp.streaming.codec import HEARTBEAT

WhenGone = Literal["leave", "stop"]
# Long enough for a packet to leave before the next one is written, and short enough for 200 KB a second.
PACKET_SECONDS = 0.005


def stream(
    generation: Generation, encoder: Encoder, *, after: int = 0, when_gone: WhenGone = "leave", visitor: str = ""
) -> Response:
    """Streams a generation from the position `after` until its end.

    With `when_gone="stop"`, it is stopped when its last reader disconnects. `visitor` is the hash of a visitor's cookie if this
    response is the one that sets it.
    """
    engine = the_engine()
    feed = GenerationFeed(engine, generation, encoder, after=after, redact=redaction(same_request()))
    leave = partial(_stop_if_unread, engine, generation.id, generation.lane) if when_gone == "stop" else None
    pause_seconds = PACKET_SECONDS if encoder.fits_packets else 0
    response = events(feed, watcher_of(generation.chat_id, visitor=visitor), leave=leave, pause_seconds=pause_seconds)
    response.headers["X-Stream-Id"] = generation.id
    return response


def events(
    feed: ConnectionFeed, watcher: Watcher, *, leave: Callable[[], None] | None = None, pause_seconds: float = 0
) -> Response:
    """Streams a feed to this request's caller, with the same heartbeats as pages.

    A request that starts the answer has passed a limit already; other streams have the limits of pages. With `pause_seconds`, it
    pauses between the events of a burst.
    """
    engine = the_engine()
    watcher = watcher.delivering() if request.environ.get(DELIVERS) else watcher
    sent = _sent(engine, feed, watcher, writer_of(request.environ), socket_of(request.environ), leave)
    return streaming_response(_apart(sent, partial(engine.pause, pause_seconds)) if pause_seconds else sent)


def watcher_of(chat_id: str, *, visitor: str = "") -> Watcher:
    """Returns the watcher of a chat's stream: it counts towards the person's pages, and ends when they lose access."""
    user = user_or_none()
    person = user.id if user else visitor or db.session.get_one(Chat, chat_id).visitor_hash or ""
    return watcher(person, same_request(), _is_allowed, chat_id, visitor)


def last_position() -> int:
    """Returns the position to resume from, by header or query string; -1 for one that this server never sent."""
    last_id = request.headers.get("Last-Event-ID") or request.args.get("after", "")
    if not last_id:
        return 0
    return int(last_id) if last_id.isascii() and last_id.isdigit() and len(last_id) < 16 else -1


def has_all(generation: Generation, after: int) -> bool:
    """Returns whether nothing follows this position, as far as this process knows."""
    engine = the_engine()
    is_last = after > 0 and after == engine.logs.topics.last(topic_names.of_generation(generation.id))
    return is_last and not generation.is_active and has_logged_end(engine, generation.id)


@contextmanager
def attending(lane: str) -> Iterator[Callable[[dict[str, int]], bool]]:
    """Counts this request's caller as present in the lane, and yields a function that waits for new entries.

    It waits until a topic has entries after the given positions, and returns whether the caller is still connected.
    """
    # Holds no database connection while the model writes, and keeps no row that can be out of date by then.
    db.session.rollback()
    db.session.expire_all()
    watcher = Watcher(person="", per_lane=0, in_all=0, is_allowed=lambda: True)
    with connected(the_engine(), lane, watcher, socket_of(request.environ)) as connection:

        def wait(cursors: dict[str, int]) -> bool:
            connection.signal.clear()
            # Nothing is sent while waiting: a heartbeat that stays due would end every wait immediately.
            connection.note_sent()
            if not connection.is_over:
                connection.wait(cursors)
            return not connection.is_over

        yield wait


def wait_until_ended(generation: Generation) -> Generation:
    """Waits for the end of an answer while this request's caller counts as present.

    If the caller disconnects, it returns the generation unfinished: no one is left to read the response.
    """
    id, topics, topic = generation.id, the_engine().logs.topics, topic_names.of_generation(generation.id)
    the_engine().logs.follows(generation)
    with attending(generation.lane) as wait:
        while the_engine().logs.has_log(id) and not has_logged_end(the_engine(), id) and wait({topic: topics.last(topic)}):
            pass
    row = db.session.get(Generation, id, populate_existing=True)
    if row is None:
        raise NotFound("The chat has been deleted.")
    return row


def _apart(writes: Generator[bytes, None, None], pause: Callable[[], object]) -> Iterator[bytes]:
    """Pauses after each write, so that the network does not join it with the next one and then cut an event in two."""
    with closing(writes):
        for write in writes:
            yield write
            pause()


def _sent(
    engine: Engine,
    feed: ConnectionFeed,
    watcher: Watcher,
    outlet: NonBlockingWriter | None,
    socket: Any,
    leave: Callable[[], None] | None,
) -> Generator[bytes, None, None]:
    try:
        with connected(engine, feed.lane, watcher, socket) as connection:
            connection.push(partial(_quick, connection, feed), outlet)
            yield HEARTBEAT
            while not (connection.is_over or feed.has_ended):
                connection.signal.clear()
                is_beat = connection.is_beat()
                if connection.is_refused():
                    yield from feed.disconnected(NO_ACCESS)
                    return
                lines = feed.news() or (feed.beat() or [HEARTBEAT] if is_beat else [])
                for line in lines:
                    yield line
                    connection.note_sent()
                if not lines:
                    connection.wait(feed.topics(), connection.push_signal)
            if feed.has_ended:
                # Not only nearly, as a page that is left at the end of an answer.
                engine.presence.seen(feed.lane, watcher.person)
            else:
                yield from feed.disconnected(SUPERSEDED) if connection.is_superseded else feed.news()
    finally:
        if leave:
            leave()


def _quick(connection: WatcherConnection, feed: ConnectionFeed) -> bytes:
    """Returns new text; nothing if access may have changed, as those events wake the same watchers as text."""
    return b"" if connection.may_be_refused else feed.quick_news()


def _stop_if_unread(engine: Engine, id: str, lane: str) -> None:
    if (live := engine.live.get(id)) and engine.presence.is_alone(lane):
        live.run.stop.request("client_gone")


def _is_allowed(context: Context, chat_id: str, visitor: str) -> bool:
    with context():
        chat = db.session.get(Chat, chat_id)
        if chat is None or chat.deleted_at:
            return False
        if visitor and chat.visitor_hash == visitor:
            return bool(setting("demo.visitors"))
        caller = access.caller_of_stream()
        return bool(right_in(chat, caller.user if caller else None))
