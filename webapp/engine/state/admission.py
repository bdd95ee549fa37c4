"""Which answers and side requests can start: the limits of a person or a gateway, the gate of budgets, and the line while the
server is full.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from math import ceil
from typing import Protocol

from sqlalchemy.orm import Session

from webapp.base.db import db
from webapp.base.errors import AppError, Conflict, Invalid, TooMany, Unavailable
from webapp.base.throttle import Shared, Throttle
from webapp.engine.kinds import Kind
from webapp.engine.live import LiveGeneration, Meter
from webapp.engine.metric_events import Limited, MetricListener
from webapp.engine.tables import Generation
from webapp.models.providers.base import ModelRequest
from webapp.settings.service import setting
from webapp.streaming.events import Event
from webapp.streaming.stop import Stop
from webapp.streaming.topics import Signal
from webapp.streaming.transcript import Transcript

# Each waiting request holds a connection, of which a worker has two thousand, but no connection to the database.
MOST_WAITING = 500
# Limits of side requests besides those of answers: at most a quarter of the server's number of concurrent answers, and a few
# per person.
SIDE_SHARE = 4
MOST_OF_A_PERSON = 2
FEWER_AT_ONCE = "This server writes at most {} answers at the same time. Choose fewer models."
TOO_MANY_AT_ONCE = "You already have {} answers in progress. Wait for one to finish, or stop it."


@dataclass(frozen=True, slots=True)
class AnswerAllowance:
    """How many answers a person or a gateway can start per minute, have in progress, and have streamed to it; 0 is no limit.

    `key` says whose they are: a person, a gateway, or a person at a gateway. `gateway_id` is the gateway's token, if it has one.
    """

    key: str
    per_minute: int
    burst: int
    at_once: int
    streams: int
    gateway_id: str = ""


class Requester(Protocol):
    """Who makes the current request. `allowances` returns those that an answer to this person counts towards, widest first.

    `leaving` calls a function when the client disconnects, inside its block, and yields a function that returns whether it has.
    """

    def allowances(self, person: str) -> tuple[AnswerAllowance, ...]: ...
    def leaving(self, wake: Callable[[], object]) -> AbstractContextManager[Callable[[], bool]]: ...


class NoRequester:
    """A requester without limits that never leaves."""

    def allowances(self, person: str) -> tuple[AnswerAllowance, ...]:
        return (AnswerAllowance(person, 0, 1, 0, 0),)

    def leaving(self, wake: Callable[[], object]) -> AbstractContextManager[Callable[[], bool]]:
        return nullcontext(lambda: False)


@dataclass(eq=False, slots=True)
class Waiter:
    """A request that waits for its slots; `signal` is set when it has them, or need not wait any longer."""

    whose: str
    lane: str
    signal: Signal
    slots: int = 1
    has_slot: bool = False
    is_stopped: bool = False


class AdmissionQueue:
    """The slots for answers, and who waits for one: the first request of each person is served before the second of any.

    A slot is held from the moment that a request gets it until its answer runs; `running` returns how many answers do. A request
    for several gets all of them at once, or it would hold some that others wait for.
    """

    def __init__(self, most: Callable[[], int], running: Callable[[], int]) -> None:
        self._most, self._running = most, running
        self._lines: dict[str, deque[Waiter]] = {}
        self._held = 0
        # How many answers of each key are between the arrival of their request and their start.
        self.arrived: Counter[str] = Counter()

    @property
    def waiting(self) -> int:
        return sum(map(len, self._lines.values()))

    def is_full(self, slots: int = 1) -> bool:
        """Returns whether fewer than so many slots are free."""
        most = self._most()
        return bool(most) and self._running() + self._held + slots > most

    def take(self, slots: int = 1) -> bool:
        """Takes free slots, unless others wait for one."""
        if self._lines or self.is_full(slots):
            return False
        self._held += slots
        return True

    def join(self, waiter: Waiter) -> None:
        self._lines.setdefault(waiter.whose, deque()).append(waiter)

    def leave(self, waiter: Waiter) -> None:
        """Takes a waiter out of the line, if it is still in it."""
        line = self._lines.get(waiter.whose, deque())
        if waiter in line:
            line.remove(waiter)
        if not line:
            self._lines.pop(waiter.whose, None)

    def give_back(self, slots: int = 1) -> None:
        """Gives back slots that are held: their answers run, or do not come."""
        self._held -= slots
        self.serve()

    def serve(self) -> None:
        """Gives free slots to those who wait."""
        while self._lines:
            whose, line = next(iter(self._lines.items()))
            if self.is_full(line[0].slots):
                return
            del self._lines[whose]
            waiter = line.popleft()
            if line:
                # Behind all others.
                self._lines[whose] = line
            self._held += waiter.slots
            waiter.has_slot = True
            waiter.signal.set()

    def stop(self, lane: str | None = None) -> None:
        """Ends the waiting of those who wait in this lane; with None, of all."""
        for waiter in [waiter for line in self._lines.values() for waiter in line if lane in (None, waiter.lane)]:
            self.leave(waiter)
            waiter.is_stopped = True
            waiter.signal.set()

    @contextmanager
    def counted(self, keys: tuple[str, ...], slots: int = 1) -> Iterator[None]:
        """Counts the answers of a request that has arrived, until they run or do not come."""
        self.arrived.update(dict.fromkeys(keys, slots))
        try:
            yield
        finally:
            self.arrived.subtract(dict.fromkeys(keys, slots))
            for key in keys:
                if not self.arrived[key]:
                    del self.arrived[key]


class Gate(Protocol):
    """Checks and counts the use of models, such as by budgets.

    `admit`, `readmit`, `settle` and `correct` work within the transaction of their caller; `prepare` is called before that of
    `admit`. `admit` raises an `AppError` for a request that is not allowed, and `readmit` for an answer that was parked and may
    not continue. `meter` is called once, when an admitted generation begins, `settle` with its end, and `correct` if its cost
    becomes known later.
    """

    def prepare(self) -> None: ...
    def admit(self, session: Session, generation: Generation, request: ModelRequest, character_id: str) -> None: ...
    def meter(self, generation: Generation) -> Meter: ...
    def readmit(self, session: Session, generation: Generation, transcript: Transcript) -> None: ...
    def settle(self, session: Session, generation: Generation, transcript: Transcript) -> None: ...
    def correct(self, session: Session, generation: Generation) -> None: ...


class OpenGate:
    """A gate that admits everything and counts nothing."""

    def prepare(self) -> None: ...

    def admit(self, session: Session, generation: Generation, request: ModelRequest, character_id: str) -> None: ...

    def meter(self, generation: Generation) -> Meter:
        return unmetered

    def readmit(self, session: Session, generation: Generation, transcript: Transcript) -> None: ...

    def settle(self, session: Session, generation: Generation, transcript: Transcript) -> None: ...

    def correct(self, session: Session, generation: Generation) -> None: ...


def unmetered(events: Iterator[Event], _stop: Stop) -> Iterator[Event]:
    """Returns the events unchanged."""
    return events


class Admission:
    """What can start in this process. `gate` and `requester` are set afterwards, if they check and limit anything.

    `buckets` are the counts of the rates if several workers share them.
    """

    def __init__(
        self,
        max_streams: int,
        *,
        live: Mapping[str, LiveGeneration],
        kinds: Mapping[str, Kind],
        emit: MetricListener,
        signal: Callable[[], Signal],
        now: Callable[[], float],
        buckets: Shared | None = None,
    ) -> None:
        self.max_streams, self.buckets = max_streams, buckets
        self.gate: Gate = OpenGate()
        self.requester: Requester = NoRequester()
        self.rates = Throttle(burst=1, seconds=1.0, now=now, name="answers")
        self.line = AdmissionQueue(lambda: self.max_streams, lambda: len(self._running(is_side_request=False)))
        self._side_request_rates = Throttle(burst=1, seconds=1.0, now=now, name="asides")
        self._live, self._kinds, self._emit, self._signal = live, kinds, emit, signal
        self._is_closing = False

    def close(self) -> None:
        """Ends the waiting of all requests for a shutdown."""
        self._is_closing = True
        self.line.stop()

    @contextmanager
    def slot(self, person: str, *, lane: str = "", answers: int = 1) -> Iterator[None]:
        """Holds a slot on this server for the answer that is started inside the block; while all are taken, it waits for one.

        Several `answers` need a slot each: they get all of them, or none.

        Raises if there is none in time, or if this person has too many answers in progress or per minute; the error says how
        long to wait. The request's head is sent after the block, so a refusal still is an ordinary response. Rows that were
        read before can be out of date in it.
        """
        if 0 < self.max_streams < answers:
            # They would wait for what can't come, and the next in the line with them.
            raise Invalid(FEWER_AT_ONCE.format(self.max_streams), field="models")
        allowances = self.requester.allowances(person)
        self._refuse_if_too_many_at_once(allowances, answers)
        with self.line.counted(tuple(allowance.key for allowance in allowances), answers):
            self._count_per_minute(allowances * answers)
            if not self.line.take(answers):
                try:
                    self._wait_for_slots(Waiter(allowances[-1].key, lane, self._signal(), answers))
                except AppError:
                    self._uncount(allowances * answers)
                    raise
            try:
                yield
            finally:
                self.line.give_back(answers)

    def refuse_if_too_many_side_requests(self, person: str | None) -> None:
        """Raises `TooMany` if too many side requests run, on this server or of this person, or too many began lately."""
        running = self._running(is_side_request=True)
        is_full = self.max_streams and len(running) >= max(1, self.max_streams // SIDE_SHARE)
        if is_full or sum(live.person == person for live in running) >= MOST_OF_A_PERSON or self._is_too_fast(person or ""):
            self._emit(Limited("aside"))
            raise TooMany("Too many background requests to models are running. Please try again in a few seconds.", retry_after=5)

    def _running(self, *, is_side_request: bool) -> list[LiveGeneration]:
        """Returns all running side requests, or all running generations that count towards the limits on answers."""
        return [live for live in self._live.values() if self._kinds[live.kind].is_side_request is is_side_request]

    def _refuse_if_too_many_at_once(self, allowances: Sequence[AnswerAllowance], answers: int) -> None:
        running_answers = self._running(is_side_request=False)
        for allowance in allowances:
            running = sum(allowance.key in live.counted_as for live in running_answers)
            if allowance.at_once and running + self.line.arrived[allowance.key] + answers > allowance.at_once:
                self._emit(Limited("concurrent"))
                raise TooMany(TOO_MANY_AT_ONCE.format(allowance.at_once), retry_after=5)

    def _count_per_minute(self, allowances: Sequence[AnswerAllowance]) -> None:
        """Counts an answer towards the limits per minute; one that is refused counts towards none."""
        limited = [allowance for allowance in allowances if allowance.per_minute]
        for index, allowance in enumerate(limited):
            if wait_seconds := ceil(self._rates(allowance).take(allowance.key, self.buckets)):
                self._uncount(limited[:index])
                self._emit(Limited("per_minute"))
                sentence = f"You're sending messages too quickly. Please try again in {wait_seconds} s."
                raise TooMany(sentence, retry_after=wait_seconds)

    def _uncount(self, allowances: Sequence[AnswerAllowance]) -> None:
        for allowance in allowances:
            if allowance.per_minute:
                self._rates(allowance).give_back(allowance.key, self.buckets)

    def _rates(self, allowance: AnswerAllowance) -> Throttle:
        self.rates.burst, self.rates.seconds = allowance.burst, 60 / allowance.per_minute
        return self.rates

    def _is_too_fast(self, person: str) -> bool:
        if not (per_minute := int(setting("limits.streams_per_minute"))):
            return False
        rates = self._side_request_rates
        rates.burst, rates.seconds = max(1, int(setting("limits.streams_burst")) // 2), 120 / per_minute
        return bool(rates.take(person, self.buckets))

    def _wait_for_slots(self, waiter: Waiter) -> None:
        """Waits until the line gives this request its slots, unless it is stopped, or its client disconnects."""
        seconds = float(setting("limits.queue_seconds"))
        if seconds and self.line.waiting < MOST_WAITING:
            # Holds no database connection while it waits.
            db.session.rollback()
            self.line.join(waiter)
            is_over = False
            try:
                with self.requester.leaving(waiter.signal.set):
                    waiter.signal.wait(seconds)
                is_over = True
            finally:
                self.line.leave(waiter)
                if waiter.has_slot and not is_over:
                    self.line.give_back(waiter.slots)
                # One that left without its slots no longer keeps others from those that are free.
                self.line.serve()
        if waiter.is_stopped and not self._is_closing:
            raise Conflict("Stopped before the answer started.")
        if not waiter.has_slot:
            self._emit(Limited("server_full"))
            raise Unavailable("The server is busy. Please try again in a few seconds.", retry_after=5)
