"""The feed of a connection: a generation through an encoder, from its log while that is in memory, else from the database."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, get_args

from webapp.api.streaming.encoding import PACKET_BYTES, TEXT_BYTES, Encoder, StreamState, json_bytes, wire
from webapp.base import topic_names
from webapp.base.db import db
from webapp.engine.engine import Engine
from webapp.engine.generation_text import GenerationText, end_of, events_so_far
from webapp.engine.tables import Generation
from webapp.engine.watching.watcher_loop import LOST
from webapp.streaming.events import Ended, Event, Notice, Sources, Text
from webapp.streaming.topics import Entry, Gap

# The event id of the end when its number is no longer known.
END = "end"
TEXTS = {*get_args(Text)}
SUPERSEDED = Notice("superseded", "Disconnected because too many readers are connected at once.")


class ConnectionFeed(Protocol):
    """The feed of one connection. `news` returns the bytes of each write since the last call, `beat` those due at a heartbeat.

    `quick_news` never waits: it returns new text in one piece if there is nothing but text, else nothing. `disconnected` returns
    the last writes for a reader who is disconnected before the end, with the reason.
    """

    lane: str

    @property
    def has_ended(self) -> bool: ...
    def topics(self) -> dict[str, int]: ...
    def news(self) -> list[bytes]: ...
    def quick_news(self) -> bytes: ...
    def beat(self) -> list[bytes]: ...
    def disconnected(self, why: Notice) -> list[bytes]: ...


def id_after(why: Notice) -> str:
    """Returns the event id of the last events of a reader who is disconnected.

    `LOST` makes a browser's reconnect get 204, after which it stops reconnecting; without access it gets an error anyway.
    """
    return LOST if why is SUPERSEDED else ""


def has_logged_end(engine: Engine, id: str) -> bool:
    """Returns whether the log already has its end; the run can still be cleaning up after it."""
    topic = topic_names.of_generation(id)
    last = engine.logs.topics.last(topic)
    return last > 0 and any(isinstance(entry.event, Ended) for entry in engine.logs.topics.read(topic, last - 1))


def _fit_one_packet(entries: Sequence[Entry]) -> bool:
    spare = PACKET_BYTES - TEXT_BYTES
    events = (entry.event for entry in entries)
    return sum(spare + json_bytes(event.text) for event in events if isinstance(event, Text)) <= PACKET_BYTES


def _unsourced(event: Event) -> Event:
    return Sources(()) if isinstance(event, Sources) else event


class GenerationFeed:
    """A generation through an encoder, after the position `after`; `redact` reduces each event to what its reader can see."""

    def __init__(
        self,
        engine: Engine,
        generation: Generation,
        encoder: Encoder,
        *,
        after: int = 0,
        redact: Callable[[Event], Event] = _unsourced,
    ) -> None:
        self.lane, self.id, self.after, self.has_ended = generation.lane, generation.id, after, False
        self.topic = topic_names.of_generation(generation.id)
        self._redact = redact
        self._engine, self._encoder, self._has_opened, self._has_sent = engine, encoder, False, False
        self._of: dict[str, Any] = {
            "generation_id": generation.id,
            "chat_id": generation.chat_id,
            "message_id": generation.message_id or "",
            "model": generation.model_asked,
        }
        self._status, self._was_active = generation.status, generation.is_active
        # Only the transient events from now on: they have no position from which a reader could go on.
        _, self._transient_count = engine.logs.topics.transient_since(self.topic, 0)
        if self._was_active:
            engine.logs.follows(generation)

    def topics(self) -> dict[str, int]:
        return {self.topic: self.after}

    def news(self) -> list[bytes]:
        entries = self._entries()
        if entries is None:
            return self._snapshot()
        lines = [*self._opening(), *(line for entry in entries for line in self._encoded(entry, str(entry.seq)))]
        return [*lines, *self._transient_news()]

    def _transient_news(self) -> list[bytes]:
        transient, self._transient_count = self._engine.logs.topics.transient_since(self.topic, self._transient_count)
        return self._frames_of(transient, self.after) if self._encoder.takes_transient else []

    def quick_news(self) -> bytes:
        entries = self._entries() if self._has_opened else None
        if not entries or not {type(entry.event) for entry in entries} <= TEXTS:
            return b""
        if self._encoder.fits_packets and not _fit_one_packet(entries):
            return b""
        return b"".join([line for entry in entries for line in self._encoded(entry, str(entry.seq))])

    def beat(self) -> list[bytes]:
        """Sends the saved message if another worker ended the generation without an entry in this process's log."""
        is_here = self._engine.logs.has_log(self.id) or self._engine.logs.topics.last(self.topic) != self.after
        return [] if is_here or self.has_ended else self._saved()

    def disconnected(self, why: Notice) -> list[bytes]:
        frames = self._encoder.encode(Entry(self.after, why)) + self._encoder.closing()
        return wire(frames, id=id_after(why))

    def _entries(self) -> list[Entry] | None:
        """Returns the new entries of the log; None if the position, or the whole log, is gone."""
        topics = self._engine.logs.topics
        is_remembered = self._was_active or self._engine.logs.has_log(self.id) or topics.last(self.topic)
        try:
            return topics.read(self.topic, self.after) if is_remembered else None
        except Gap:
            # The reader's position is ahead of this worker's copy of the log: those entries can still be on their way.
            return [] if self.after > topics.last(self.topic) and self.id in self._engine.logs.copied else None

    def _opening(self) -> list[bytes]:
        if self._has_opened:
            return []
        self._has_opened = True
        return wire(self._encoder.opening(StreamState(**self._of, status=self._status, seq=self.after)))

    def _encoded(self, entry: Entry, id: str) -> list[bytes]:
        self.after, self.has_ended, self._has_sent = entry.seq, isinstance(entry.event, Ended), True
        visible = self._redact(entry.event)
        frames = self._encoder.encode(entry if visible is entry.event else Entry(entry.seq, visible))
        return wire(frames + (self._encoder.closing() if self.has_ended else []), id=id)

    def _snapshot(self) -> list[bytes]:
        # A run that has logged its end can still be cleaning up: a snapshot of it would be one without an end.
        transcript = None if has_logged_end(self._engine, self.id) else self._engine.logs.transcript(self.id)
        if transcript is None:
            return self._saved()
        self.after = self._engine.logs.topics.last(self.topic)
        return self._everything("running", events_so_far(transcript))

    def _saved(self) -> list[bytes]:
        with self._engine.in_app():
            generation = db.session.get(Generation, self.id, populate_existing=True)
            kind = self._engine.kinds.get(generation.kind) if generation else None
            text = kind.text(generation) if generation and kind else None
            if generation is None or kind is None or text is None:
                self.has_ended = True
                return wire(self._encoder.closing())
            if generation.is_active:
                # It has not begun yet, or its worker died and the end is still to be written. A position ahead of the log would
                # make the caller spin.
                self.after = self._engine.logs.topics.last(self.topic)
                return []
            # A reader who got only the opening has not received the text either.
            whole = [] if self._has_sent else self._everything(generation.status, text)
            return whole + self._end(end_of(generation, kind.saved(generation)))

    def _end(self, events: Iterable[Event]) -> list[bytes]:
        """Encodes closing events; only the end carries an id, so that a client that loses the connection before can reconnect."""
        named = ((event, END if isinstance(event, Ended) else "") for event in events)
        return [line for event, id in named for line in self._encoded(Entry(self.after, event), id)]

    def _everything(self, status: str, text: GenerationText) -> list[bytes]:
        """Encodes everything so far: as a snapshot or, for an encoder that takes none, as events."""
        seq = self.after = max(self.after, 0)
        self._has_sent = True
        if self._encoder.takes_snapshots:
            self._has_opened = True
            state = StreamState(**self._of, status=status, seq=seq, text=text.text, reasoning=text.reasoning, is_snapshot=True)
            opened = wire(self._encoder.opening(state), id=str(seq))
            sources = [Sources(text.sources)] if text.sources else []
            return opened + self._frames_of([*sources, *text.calls], seq)
        return [*self._opening(), *self._frames_of(text.events(), seq)]

    def _frames_of(self, events: Iterable[Event], seq: int) -> list[bytes]:
        return [line for event in events for line in wire(self._encoder.encode(Entry(seq, self._redact(event))))]
