"""The engine: runs the generations of this process, from their start to their end."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from webapp.base import topic_names
from webapp.base.current import PerApp
from webapp.base.errors import Unavailable
from webapp.base.ids import new_id
from webapp.base.process.pause_detector import PauseDetector
from webapp.engine import trace
from webapp.engine.kinds import Kind
from webapp.engine.live import EventSource, LiveGeneration
from webapp.engine.metric_events import MetricEvent, MetricListener
from webapp.engine.state import reserve
from webapp.engine.state.admission import Admission
from webapp.engine.state.circuit import Circuits
from webapp.engine.state.generation_logs import GenerationLogs
from webapp.engine.state.ownership import Worker
from webapp.engine.state.presence import Presence, slots_key
from webapp.engine.state.recovery_state import RecoveryState
from webapp.engine.tables import Generation
from webapp.settings.service import setting
from webapp.streaming.loops import FlushLoop, Spawn, Ticker
from webapp.streaming.outcome import PARKED_OUTCOME
from webapp.streaming.run import Run, Save
from webapp.streaming.stop import Stop
from webapp.streaming.topics import Entry, MemoryTopics, Signal

if TYPE_CHECKING:
    # Imported for types alone, so that the library is only loaded where Redis is used.
    from webapp.streaming.redis_topics import RedisTopics

log = logging.getLogger("generation:engine")

# Timeouts can be up to a second late, so they are checked twice a second.
KEEPER_SECONDS = 0.5
# The reasons of ends that no watchers cause, by the policy in `when_unwatched`.
UNWATCHED = {"idle": "idle_listener", "abort": "client_gone"}
# A client that has just started an answer needs a moment to connect to its stream.
ARRIVING_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Duties:
    """What is done for the runs by modules that import the engine: three loops, which are woken when there is something to do,
    a report of each end, and a file for text that could not be saved.
    """

    journal: Ticker
    recovery: Ticker
    copier: Ticker
    report: Callable[[LiveGeneration], None]
    spill: Callable[[LiveGeneration], None]


class Engine:
    """The runs of this process and their ends. Spawning, waiting and the clock are passed in, `duties` set afterwards.

    `logs` holds what the runs write, `admission` decides what can start.
    """

    duties: Duties

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
        share: "Callable[[str], RedisTopics] | None" = None,
    ) -> None:
        """`share` creates the topics of this worker, given its id, if it is one of several."""
        self.in_app, self.data_dir = in_app, data_dir
        self.spawn, self.signal, self.pause, self.now = spawn, signal, pause, now
        self.worker = Worker(new_id(), data_dir / "workers")
        self.reserve = reserve.Reserve(data_dir / reserve.FOLDER, self.worker.id)
        self.shared = share(self.worker.id) if share else None
        self.presence = Presence(now)
        self.circuits = Circuits(now)
        self.kinds: dict[str, Kind] = {}
        # Called with every metric event.
        self.metric_listeners: list[MetricListener] = []
        self.live: dict[str, LiveGeneration] = {}
        topics = self.shared or MemoryTopics(epoch=self.worker.id, signal=signal, now=now)
        self.logs = GenerationLogs(topics, live=self.live, kinds=self.kinds, spawn=spawn, pause=pause, now=now)
        self.admission = Admission(
            max_streams,
            live=self.live,
            kinds=self.kinds,
            emit=self.emit,
            signal=signal,
            now=now,
            buckets=self.shared.buckets if self.shared else None,
        )
        self.readers: set[Signal] = set()
        # Of what isn't a generation: requests such as for an answer's cost, and other work in the background.
        self.other_requests: set[Stop] = set()
        # Generations of this worker that are being settled because nothing runs them: they must not be started any more.
        self.given_up: set[str] = set()
        self.recovery_state = RecoveryState(now)
        # Of two commits of the journal, the second writes what is new after the first.
        self.journalling = Lock()
        self.is_stopping = self.is_closing = self.is_closed = self.has_begun = False
        self.flush_loop = FlushLoop(spawn=spawn, signal=signal, pause=pause, now=now)
        self._pauses = PauseDetector(KEEPER_SECONDS, now)
        self.keeper = self.ticker("keeper", self.stop_overdue, lambda: KEEPER_SECONDS)

    def register(self, kind: Kind) -> None:
        self.kinds[kind.name] = kind

    def emit(self, event: MetricEvent) -> None:
        """Sends a metric event to all listeners."""
        with self.in_app():
            for listener in self.metric_listeners:
                listener(event)

    def begin(self) -> None:
        """Registers this process as an owner of generations and starts the recovery of those of dead ones, without waiting."""
        if not self.has_begun:
            self.has_begun = True
            self.worker.begin()
            self.duties.recovery.wake()
            if self.shared:
                self.shared.on_reader, self.shared.on_missing = self.presence.seen, self.duties.copier.wake
                self.shared.begin()

    def start(self, generation: Generation, source: EventSource, save: Save, entries: Sequence[Entry] = ()) -> None:
        """Runs a committed generation in a greenlet of its own; one that was parked continues after these entries of its log."""
        if generation.id in self.given_up:
            raise Unavailable("This answer took too long to start. Please try again.")
        stop = Stop(self.signal)
        run = Run(
            topic_names.of_generation(generation.id),
            self.logs.topics,
            stop,
            now=self.now,
            schedule_flush=self.flush_loop.schedule,
            pause=self.pause,
            beat_seconds=setting("stream.coalesce_ms") / 1000,
            limit_chars=setting("limits.answer_chars"),
            on_append=trace.event_logger(generation),
        )
        live = LiveGeneration(
            id=generation.id,
            lane=generation.lane,
            kind=generation.kind,
            message_id=generation.message_id,
            continues_id=generation.continues_id,
            text_offset=generation.text_offset,
            column_number=generation.column_number,
            has_waited=bool(entries),
            person=generation.user_id or "",
            counted_as=tuple(allowance.key for allowance in self.admission.requester.allowances(generation.user_id or "")),
            model=generation.model_asked,
            when_unwatched=generation.when_unwatched,
            run=run,
            source=source,
            meter=self.admission.gate.meter(generation),
            journalled=entries[-1].seq if entries else 0,
            may_have_rows=bool(entries),
        )
        if entries:
            run.restore(entries)
            self.logs.restore(live.id, entries)
        self.live[live.id] = live
        self.presence.begin(live.lane)
        if self.is_closing:
            stop.request("server_restart")
        self.spawn(lambda: self._run(live, save))
        self.duties.journal.wake()
        self.keeper.wake()

    @contextmanager
    def recovering_on_failure(self) -> Iterator[None]:
        """Wakes the recovery if the block fails, as it can leave a generation that nothing runs."""
        with ExitStack() as on_failure:
            on_failure.callback(self.duties.recovery.wake)
            yield
            on_failure.pop_all()

    def in_background(self, work: Callable[[Stop], object]) -> None:
        """Does work in a greenlet of its own; a shutdown stops it, and waits for it."""
        stop = Stop(self.signal)
        # Added now, so that a shutdown that begins before the work does waits for it, too.
        self.other_requests.add(stop)
        self.spawn(lambda: self._in_background(work, stop))

    def _in_background(self, work: Callable[[Stop], object], stop: Stop) -> None:
        with self.stoppable(stop):
            work(stop)

    @contextmanager
    def stoppable(self, stop: Stop | None = None) -> Iterator[Stop]:
        """Yields a stop that a shutdown requests; the shutdown waits for the end of the block."""
        # Not `or`: a stop that was not requested is false.
        stop = Stop(self.signal) if stop is None else stop
        self.other_requests.add(stop)
        try:
            if self.is_closing:
                stop.request("server_restart")
            yield stop
        finally:
            self.other_requests.discard(stop)

    def finish(self, seconds: float) -> None:
        """Ends everything for a shutdown: text is saved, or spilled to a file, and readers are notified."""
        self.is_closing = True
        self.admission.close()
        for stop in [*(live.run.stop for live in self.live.values()), *self.other_requests]:
            stop.request("server_restart")
        self.wait(lambda: not self.live and not self.other_requests, seconds)
        for live in list(self.live.values()):
            self.duties.spill(live)
        self.reserve.release()
        self.is_closed = True
        for reader in list(self.readers):
            reader.set()

    def wait_closed(self, seconds: float) -> None:
        """Waits, for at most so many seconds, until the readers have disconnected."""
        self.wait(lambda: not self.readers, seconds)
        self.worker.end()
        if self.shared:
            self.shared.end()

    def _run(self, live: LiveGeneration, save: Save) -> None:
        try:
            with self.recovering_on_failure():
                live.run.run(live.meter(live.source.events(live.run.stop), live.run.stop), save)
            if live.run.outcome is not PARKED_OUTCOME:
                self.duties.report(live)
        finally:
            self._let_go(live)

    def _let_go(self, live: LiveGeneration) -> None:
        # It can be running again already, if a person has decided just as it was parked.
        is_last = self.live.get(live.id) is live
        if is_last:
            del self.live[live.id]
        self.admission.line.serve()
        self.presence.forget(live.lane)
        if not is_last:
            return
        if live.run.outcome is not PARKED_OUTCOME:
            self.logs.forget(live.id)
            return
        self.logs.park(live.id)
        with self.in_app():
            self.kinds[live.kind].parked(live)

    def is_watched_elsewhere(self, lane: str, person: str) -> bool:
        """Returns whether another worker serves a page of this lane to a person, as far as their pages are limited."""
        slots = self.shared.watcher_limit if self.shared else None
        return slots is not None and any(slots.has(slots_key(person, lane, sort)) for sort in ("alone", "shared"))

    def stop_overdue(self) -> bool:
        """Stops every run past a timeout; skips one check after the process was suspended, as text can have arrived unread."""
        if not self._pauses.was_paused():
            with self.in_app():
                for live in list(self.live.values()):
                    if not live.run.is_saving and (reason := self._overdue(live)):
                        live.run.stop.request(reason)
        return bool(self.live)

    def _overdue(self, live: LiveGeneration) -> str:
        run, now = live.run, self.now()
        is_silent = run.has_content and not live.source.is_between
        if not is_silent and (reason := live.source.check_timeout()):
            return reason
        if is_silent and _exceeds(now - run.last_content_at, "stream.stall_seconds"):
            return "stall"
        if _exceeds(now - run.started_at, "stream.total_seconds"):
            return "total_time"
        return self._unwatched(live)

    def _unwatched(self, live: LiveGeneration) -> str:
        policy, _, limit = live.when_unwatched.partition(":")
        if policy not in UNWATCHED:
            return ""
        if policy == "idle" and self.shared and not self.shared.is_connected:
            # Without Redis it is unknown whether the answer is read through another worker.
            return ""
        return UNWATCHED[policy] if self.presence.seconds_alone(live.lane) > max(float(limit), ARRIVING_SECONDS) else ""

    def ticker(self, name: str, work: Callable[[], bool], every: Callable[[], float]) -> Ticker:
        return Ticker(name, work, every=every, spawn=self.spawn, pause=self.pause, now=self.now)

    def wait(self, is_done: Callable[[], bool], seconds: float) -> None:
        """Waits until `is_done`, for at most so many seconds."""
        until = self.now() + seconds
        while not is_done() and self.now() < until:
            self.pause(0.01)


def _exceeds(seconds: float, name: str) -> bool:
    limit = setting(name)
    return bool(limit) and seconds > limit


ENGINE = PerApp[Engine]()


def the_engine() -> Engine:
    """Returns the engine of the current application.

    Functions that work in its context, as views and services do, call this. What outlives a context, or works before one is
    entered, takes the engine as a parameter: the runs' duties, feeds, sources, and the functions that only they call.
    """
    return ENGINE.get()
