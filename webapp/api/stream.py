"""Answers as streams of server-sent events: a generation in the words of a dialect, from any position."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Literal, Protocol

from flask import Response, current_app, request

from webapp.api import access
from webapp.api.encoders.base import Encoder, State, wire
from webapp.chat import said
from webapp.chat.access import right_in
from webapp.chat.tables import Chat, Message
from webapp.errors import NotFound
from webapp.extensions import db
from webapp.generations.engine import Engine, the_engine
from webapp.generations.tables import Generation
from webapp.settings.service import setting
from webapp.streaming.codec import HEARTBEAT
from webapp.streaming.events import Ended, Notice
from webapp.streaming.topics import Entry, Gap
from webapp.web.guards import user_or_none
from webapp.web.watch import LOST, Watcher, seated, socket_of, streamed

# The id under which the end is known when nobody remembers its number.
END = "end"
TAKEN = Notice("superseded", "Another reader has taken this one's place: there are too many at once.")
WhenGone = Literal["leave", "stop"]


class Feed(Protocol):
    """What one connection reads. `news` gives the bytes of each write since the last call, `beat` those at a heartbeat.

    `taken` is said last to a reader whose place was taken.
    """

    lane: str
    has_ended: bool

    def topics(self) -> dict[str, int]: ...
    def news(self) -> list[bytes]: ...
    def beat(self) -> list[bytes]: ...
    def taken(self) -> list[bytes]: ...


class GenerationFeed:
    """One generation by one encoder, from its log while that is remembered, else from the saved message."""

    def __init__(self, engine: Engine, generation: Generation, encoder: Encoder, *, after: int = 0) -> None:
        self.lane, self.id, self.after, self.has_ended = generation.lane, generation.id, after, False
        self.topic = f"generation:{generation.id}"
        self._engine, self._encoder, self._has_opened = engine, encoder, False
        self._of: dict[str, Any] = {
            "generation_id": generation.id,
            "chat_id": generation.lane.removeprefix("chat:"),
            "message_id": generation.message_id or "",
            "model": generation.model_asked,
        }
        self._status, self._was_active = generation.status, generation.is_active

    def topics(self) -> dict[str, int]:
        return {self.topic: self.after}

    def news(self) -> list[bytes]:
        entries = self._entries()
        if entries is None:
            return self._snapshot()
        return [*self._opening(), *(line for entry in entries for line in self._encoded(entry))]

    def beat(self) -> list[bytes]:
        """What was ended elsewhere, without a word in the log of this process, is told from the saved message."""
        is_here = self.id in self._engine.live or self._engine.topics.last(self.topic) != self.after
        return [] if is_here or self.has_ended else self._saved()

    def taken(self) -> list[bytes]:
        """With this id a browser that comes again is told to stay away."""
        frames = self._encoder.encode(Entry(self.after, TAKEN)) + self._encoder.closing()
        return wire(frames, id=LOST)

    def _entries(self) -> list[Entry] | None:
        """What is new in the log; nothing at all when the position, or the whole log, is gone."""
        is_remembered = self.id in self._engine.live or self._engine.topics.last(self.topic) or self._was_active
        try:
            return self._engine.topics.read(self.topic, self.after) if is_remembered else None
        except Gap:
            return None

    def _opening(self) -> list[bytes]:
        if self._has_opened:
            return []
        self._has_opened = True
        return wire(self._encoder.opening(State(**self._of, status=self._status, seq=self.after)))

    def _encoded(self, entry: Entry, id: str = "") -> list[bytes]:
        self.after, self.has_ended = entry.seq, isinstance(entry.event, Ended)
        frames = self._encoder.encode(entry)
        return wire(frames + (self._encoder.closing() if self.has_ended else []), id=id or str(entry.seq))

    def _snapshot(self) -> list[bytes]:
        live = self._engine.live.get(self.id)
        if live is None:
            return self._saved()
        self.after = self._engine.topics.last(self.topic)
        return self._whole("running", said.so_far(live.run.transcript))

    def _saved(self) -> list[bytes]:
        with self._engine.in_app():
            generation = db.session.get(Generation, self.id, populate_existing=True)
            message = db.session.get(Message, generation.message_id) if generation else None
            if generation is None or message is None:
                self.has_ended = True
                return wire(self._encoder.closing())
            if generation.is_active:
                # It is still to begin, or its dead owner's end to be written. From a position ahead of the log one would spin.
                self.after = self._engine.topics.last(self.topic)
                return []
            whole = [] if self._has_opened else self._whole(generation.status, said.of(generation, message))
            return [*whole, *(line for event in said.end_of(generation) for line in self._encoded(Entry(self.after, event), END))]

    def _whole(self, status: str, words: said.Said) -> list[bytes]:
        """Everything said up to here: as a snapshot, or to an encoder that takes none, as events."""
        self._has_opened, seq = True, max(self.after, 0)
        self.after = seq
        if self._encoder.takes_snapshots:
            state = State(**self._of, status=status, seq=seq, text=words.text, reasoning=words.reasoning, is_snapshot=True)
            return wire(self._encoder.opening(state), id=str(seq))
        opening = wire(self._encoder.opening(State(**self._of, status=status, seq=seq)))
        return opening + [line for event in words.events() for line in wire(self._encoder.encode(Entry(seq, event)))]


def stream(
    generation: Generation, encoder: Encoder, *, after: int = 0, when_gone: WhenGone = "leave", visitor: str = ""
) -> Response:
    """A generation from behind the position `after`, until its end.

    With `when_gone="stop"` it is stopped as soon as its last reader has gone. `visitor` is the hash of a visitor's
    cookie, where that is only just being given.
    """
    engine = the_engine()
    chat = db.session.get_one(Chat, generation.lane.removeprefix("chat:"))
    feed = GenerationFeed(engine, generation, encoder, after=after)
    leave = partial(_stop_if_unread, engine, generation.id, generation.lane) if when_gone == "stop" else None
    response = events(feed, watcher_of(chat, visitor=visitor), leave=leave)
    response.headers["X-Stream-Id"] = generation.id
    return response


def events(feed: Feed, watcher: Watcher, *, leave: Callable[[], None] | None = None) -> Response:
    """Streams a feed to this request's caller, with heartbeats and limits as for pages."""
    return streamed(_sent(the_engine(), feed, watcher, socket_of(request.environ), leave))


def watcher_of(chat: Chat, *, visitor: str = "") -> Watcher:
    """Who reads a chat's stream: counted with their pages, and let go when they may not read it any more."""
    user = user_or_none()
    context = partial(access.again, current_app._get_current_object(), request.environ)  # type: ignore[attr-defined]
    ticket_chat = request.environ.get(access.CHAT, "")
    return Watcher(
        person=user.id if user else visitor or chat.visitor_hash or "",
        per_lane=setting("limits.sse_per_chat"),
        in_all=setting("limits.sse_per_user"),
        is_allowed=partial(_is_allowed, context, chat.id, ticket_chat, visitor),
    )


def last_position() -> int:
    """From where a reader goes on, by its header or its address; -1 when what it says was never a position here."""
    said_last = request.headers.get("Last-Event-ID") or request.args.get("after", "")
    if not said_last:
        return 0
    return int(said_last) if said_last.isascii() and said_last.isdigit() and len(said_last) < 16 else -1


def has_all(generation: Generation, after: int) -> bool:
    """Whether nothing comes after this position any more, as far as anybody here remembers."""
    topics, topic = the_engine().topics, f"generation:{generation.id}"
    if generation.is_active or after < 1 or after != topics.last(topic):
        return False
    return any(isinstance(entry.event, Ended) for entry in topics.read(topic, after - 1))


def finished(generation: Generation) -> Generation:
    """Waits for the end of an answer in the name of this request's caller, who counts as there meanwhile.

    A caller who leaves before is refused like one who comes too late: nobody is there to read it.
    """
    id, engine, lane = generation.id, the_engine(), generation.lane
    watcher = Watcher(person="", per_lane=0, in_all=0, is_allowed=lambda: True)
    # No connection is held while the model writes.
    db.session.rollback()
    with seated(engine, lane, watcher, socket_of(request.environ)) as seat:
        while id in engine.live and not seat.is_over:
            seat.signal.clear()
            seat.wait({f"generation:{id}": engine.topics.last(f"generation:{id}")})
    found = db.session.get(Generation, id, populate_existing=True)
    if found is None:
        raise NotFound("The chat was deleted meanwhile.")
    return found


def _sent(engine: Engine, feed: Feed, watcher: Watcher, socket: Any, leave: Callable[[], None] | None) -> Iterator[bytes]:
    try:
        with seated(engine, feed.lane, watcher, socket) as seat:
            yield HEARTBEAT
            while not (seat.is_over or feed.has_ended):
                seat.signal.clear()
                is_beat = seat.is_beat()
                if seat.is_refused(is_beat):
                    return
                lines = feed.news() or (feed.beat() or [HEARTBEAT] if is_beat else [])
                for line in lines:
                    yield line
                    seat.spoke()
                if not lines:
                    seat.wait(feed.topics())
            if not feed.has_ended:
                yield from feed.taken() if seat.is_superseded else feed.news()
    finally:
        if leave:
            leave()


def _stop_if_unread(engine: Engine, id: str, lane: str) -> None:
    if (live := engine.live.get(id)) and engine.presence.is_alone(lane):
        live.run.stop.ask("client_gone")


def _is_allowed(context: Callable[[], Any], chat_id: str, ticket_chat: str, visitor: str) -> bool:
    with context():
        request.environ[access.CHAT] = ticket_chat
        chat = db.session.get(Chat, chat_id)
        if chat is None or chat.deleted_at:
            return False
        if visitor and chat.visitor_hash == visitor:
            return bool(setting("demo.visitors"))
        found = access.caller_or_none()
        return bool(right_in(chat, found.user if found else None))
