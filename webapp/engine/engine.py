"""The state of all running generations in this process."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from flask import current_app

from webapp import topic_names
from webapp.engine import reserve, trace
from webapp.engine.circuit import Circuits
from webapp.engine.fence import Worker
from webapp.engine.found import Found
from webapp.engine.gate import Gate, Meter, OpenGate
from webapp.engine.kinds import Begun, Kind
from webapp.engine.metric_events import Figure, Tell
from webapp.engine.presence import Presence
from webapp.engine.reserve import Reserve
from webapp.engine.tables import Generation
from webapp.errors import Unavailable
from webapp.ids import new_id
from webapp.pauses import Pauses
from webapp.settings.service import setting
from webapp.streaming.broadcaster import Broadcast, Projection
from webapp.streaming.events import Event
from webapp.streaming.loops import FlushLoop, Spawn, Ticker
from webapp.streaming.run import Run, Save
from webapp.streaming.stop import Stop
from webapp.streaming.topics import MemoryTopics, Signal, Topics
from webapp.streaming.transcript import Transcript
from webapp.throttle import Shared, Throttle

if TYPE_CHECKING:
    # Only who needs Redis pays for its library.
    from webapp.streaming.redis_topics import RedisTopics

log = logging.getLogger("generation:engine")

# Twice in the second by which a time-out may be late.
KEEPER_SECONDS = 0.5
KEEP_SECONDS = 300.0
# For pages that come back soon; one that comes later gets the whole chat.
KEEP_PICTURE_SECONDS = 60.0
JOURNAL_SHARE = 0.75
COPY_SECONDS = 1.0
# How often one of several workers looks whether another has died.
LEASES_SECONDS = 3.0


class Source(Protocol):
    """Where the events of a run come from. `look` is called every second until the first word; it may end an attempt."""

    def events(self, stop: Stop) -> Iterator[Event]: ...
    def look(self) -> str: ...


@dataclass(slots=True)
class Live:
    """A generation that runs in this process; `journalled` is the journal's cursor, `may_have_rows` says whether it ever wrote.

    `text_offset` is how much of the message it goes on from.
    """

    id: str
    lane: str
    kind: str
    message_id: str | None
    continues_id: str | None
    text_offset: int
    person: str
    model: str
    when_unwatched: str
    run: Run
    source: "Source"
    meter: Meter
    journalled: int = 0
    may_have_rows: bool = False


@dataclass(slots=True)
class Copied:
    """An answer that another worker writes and that is read here; `asked_at` is when somebody has begun to."""

    id: str
    lane: str
    asked_at: float
    length: int = -1
    told_at: float = float("-inf")


@dataclass(frozen=True, slots=True)
class Duties:
    """What is done at its times, by files that know the engine: handed in, so that it knows none of them."""

    journal: "Callable[[Engine], None]"
    keep: "Callable[[Engine], None]"
    recover: "Callable[[Engine], bool]"
    report: "Callable[[Engine, Live], None]"
    spill: "Callable[[Engine, Live], None]"
    follow: "Callable[[Engine, Begun], None]"
    copy: "Callable[[Engine], bool]"


class Engine:
    """Runs, topics, broadcasts and the three loops. How to spawn, wait and tell the time is handed in."""

    def __init__(
        self,
        *,
        in_app: Callable[[], AbstractContextManager[object]],
        data_dir: Path,
        max_streams: int,
        spawn: Spawn,
        signal: Callable[[], Signal],
        pause: Callable[[float], object],
        now: Callable[[], float],
        duties: Duties,
        share: "Callable[[str], RedisTopics] | None" = None,
    ) -> None:
        """`share` makes the topics of this worker, by its id, where it is one of several."""
        self.in_app, self.data_dir, self.max_streams, self.signal, self.pause, self.now = (
            in_app,
            data_dir,
            max_streams,
            signal,
            pause,
            now,
        )
        self.spawn = spawn
        self.worker = Worker(new_id(), data_dir / "workers")
        self.reserve = Reserve(data_dir / reserve.FOLDER, self.worker.id)
        self.shared = share(self.worker.id) if share else None
        self.topics: Topics = self.shared or MemoryTopics(epoch=self.worker.id, signal=signal, now=now)
        self.copied: dict[str, Copied] = {}
        # What of each watched topic was seen in the database last, while Redis is away.
        self.seen_lanes: dict[str, object] = {}
        self.presence = Presence(now)
        self.circuits = Circuits(now)
        self.rates = Throttle(burst=1, seconds=1.0, now=now, name="answers")
        self.aside_rates = Throttle(burst=1, seconds=1.0, now=now, name="asides")
        self.buckets: Shared | None = self.shared.buckets if self.shared else None
        self.kinds: dict[str, Kind] = {}
        self.gate: Gate = OpenGate()
        # Called with every metric event.
        self.metric_listeners: list[Tell] = []
        self.live: dict[str, Live] = {}
        self.readers: set[Signal] = set()
        # What will be said in a moment, by topic.
        self.soon = set[str]()
        # What is asked of providers after an answer and is no generation, such as its cost: it ends with them.
        self.asides: set[Stop] = set()
        # Generations of this worker that are settled because nothing runs them: they are not started any more.
        self.given_up: set[str] = set()
        self.found = Found()
        self.is_closing = self.is_closed = self.has_begun = False
        self._broadcasts: dict[str, Broadcast] = {}
        self._forget_at: dict[str, float] = {}
        self.flush_loop = FlushLoop(spawn=spawn, signal=signal, pause=pause, now=now)
        self._duties = duties
        self.pauses, self.lease_pauses = Pauses(KEEPER_SECONDS, now), Pauses(LEASES_SECONDS, now)
        self.journal = self._ticker("journal", self._write_journal, self._journal_seconds)
        self.keeper = self._ticker("keeper", self._keep, lambda: KEEPER_SECONDS)
        self.recovery = self._ticker("recovery", lambda: duties.recover(self), self._recovery_seconds)
        self.copier = self._ticker("copies", lambda: duties.copy(self), lambda: COPY_SECONDS)

    def register(self, kind: Kind) -> None:
        self.kinds[kind.name] = kind

    def tell(self, figure: Figure) -> None:
        """For whoever counts."""
        with self.in_app():
            for hear in self.metric_listeners:
                hear(figure)

    def begin(self) -> None:
        """Makes this process an owner, and begins to take care of what dead ones left behind; it waits for nothing."""
        if not self.has_begun:
            self.has_begun = True
            self.worker.begin()
            self.recovery.wake()
            if self.shared:
                self.shared.hear, self.shared.behind = self.presence.seen, self.copier.wake
                self.shared.begin()

    def start(self, generation: Generation, source: Source, save: Save) -> None:
        """Runs a committed generation in a greenlet of its own."""
        if generation.id in self.given_up:
            raise Unavailable("This answer took too long to start. Please try again.")
        stop = Stop(self.signal)
        run = Run(
            topic_names.of_generation(generation.id),
            self.topics,
            stop,
            now=self.now,
            hold=self.flush_loop.hold,
            pause=self.pause,
            beat_seconds=setting("stream.coalesce_ms") / 1000,
            limit_chars=setting("limits.answer_chars"),
            tell=trace.teller(generation),
        )
        live = Live(
            id=generation.id,
            lane=generation.lane,
            kind=generation.kind,
            message_id=generation.message_id,
            continues_id=generation.continues_id,
            text_offset=generation.text_offset,
            person=generation.user_id or "",
            model=generation.model_asked,
            when_unwatched=generation.when_unwatched,
            run=run,
            source=source,
            meter=self.gate.meter(generation),
        )
        self.live[live.id] = live
        self.presence.begin(live.lane)
        if self.is_closing:
            stop.ask("server_restart")
        self.spawn(lambda: self._run(live, save))
        self.journal.wake()
        self.keeper.wake()

    def end(self, id: str, events: Sequence[Event]) -> None:
        """Tells those who still follow what ended without saying so."""
        topic = topic_names.of_generation(id)
        for event in events:
            self.topics.append(topic, event)
        self.topics.expire(topic, KEEP_SECONDS)
        self._forget(id)

    @contextmanager
    def looking_after(self) -> Iterator[None]:
        """Whatever fails inside may leave a generation that nothing runs: somebody looks for it then."""
        is_well = False
        try:
            yield
            is_well = True
        finally:
            if not is_well:
                self.recovery.wake()

    def broadcast(self, generation: Begun) -> Broadcast | None:
        """What watchers of a generation share; None when nothing is known of it here any more, or not yet."""
        is_known = self.follows(generation)
        known = self._broadcasts.get(generation.id)
        if known or not is_known:
            return known
        made = self._made(generation.id, self.kinds[generation.kind].projection(generation))
        return self._broadcasts.setdefault(generation.id, made)

    def follows(self, generation: Begun) -> bool:
        """Whether its log is here and grows: it runs here, or where another worker runs it, it is copied from now on."""
        if generation.id not in self.live and self.shared:
            self._duties.follow(self, generation)
        return self.has_log(generation.id)

    def has_log(self, id: str) -> bool:
        """The same of one that somebody has begun to read."""
        return id in self.live or id in self.copied

    def transcript(self, id: str) -> Transcript | None:
        """What one whose log is here has said up to now."""
        if live := self.live.get(id):
            return live.run.transcript
        if id not in self.copied:
            return None
        transcript = Transcript()
        for entry in self.topics.read(topic_names.of_generation(id), 0):
            transcript.fold(entry.event)
        return transcript

    def forget_copy(self, id: str) -> None:
        """It has ended, or nobody reads it here any more."""
        self.copied.pop(id, None)
        self.topics.expire(topic_names.of_generation(id), KEEP_SECONDS)
        self._forget(id)

    def is_watched(self, id: str) -> bool:
        """Whether somebody watches it here, or has until lately."""
        return id in self._broadcasts

    def projection_of(self, generation: Begun) -> Projection:
        """A projection of the feature's own, for a generation that is not watched here."""
        kind = self.kinds[generation.kind]
        return (kind.unseen or kind.projection)(generation)

    def finish(self, seconds: float) -> None:
        """Ends everything for a shutdown: all text saved, or spilled to a file; all readers told."""
        self.is_closing = True
        for stop in [*(live.run.stop for live in self.live.values()), *self.asides]:
            stop.ask("server_restart")
        self.wait(lambda: not self.live and not self.asides, seconds)
        for live in list(self.live.values()):
            self._duties.spill(self, live)
        self.reserve.let_go()
        self.is_closed = True
        for reader in list(self.readers):
            reader.set()

    def wait_closed(self, seconds: float) -> None:
        """Waits until the readers have gone, for a while."""
        self.wait(lambda: not self.readers, seconds)
        self.worker.end()
        if self.shared:
            self.shared.end()

    def _run(self, live: Live, save: Save) -> None:
        try:
            with self.looking_after():
                live.run.run(live.meter(live.source.events(live.run.stop), live.run.stop), save)
            self._duties.report(self, live)
        finally:
            del self.live[live.id]
            self.presence.forget(live.lane)
            self.topics.expire(live.run.topic, KEEP_SECONDS)
            self._forget(live.id)

    def _made(self, id: str, projection: Projection) -> Broadcast:
        topic = topic_names.of_generation(id)
        return Broadcast(topic, projection, self.topics, spawn=self.spawn, pause=self.pause)

    def _forget(self, id: str) -> None:
        now = self.now()
        # In their order, so that only the oldest are looked at.
        self._forget_at.pop(id, None)
        self._forget_at[id] = now + KEEP_PICTURE_SECONDS
        while self._forget_at[old := next(iter(self._forget_at))] <= now:
            del self._forget_at[old]
            self._broadcasts.pop(old, None)

    def _write_journal(self) -> bool:
        if self.live:
            self._duties.journal(self)
        return bool(self.live)

    def _keep(self) -> bool:
        self._duties.keep(self)
        return bool(self.live)

    def _journal_seconds(self) -> float:
        # The time is what a kill may cost, and a commit that is begun late needs some of it too.
        with self.in_app():
            return JOURNAL_SHARE * float(setting("stream.journal_ms")) / 1000

    def _recovery_seconds(self) -> float:
        return min(self.found.wait_seconds, LEASES_SECONDS) if self.shared else self.found.wait_seconds

    def _ticker(self, name: str, work: Callable[[], bool], every: Callable[[], float]) -> Ticker:
        return Ticker(name, work, every=every, spawn=self.spawn, pause=self.pause, now=self.now)

    def wait(self, is_done: Callable[[], bool], seconds: float) -> None:
        """Until it is so, but no longer."""
        until = self.now() + seconds
        while not is_done() and self.now() < until:
            self.pause(0.01)


def the_engine() -> Engine:
    """The engine of the current application."""
    engine: Engine = current_app.extensions["engine"]
    return engine
