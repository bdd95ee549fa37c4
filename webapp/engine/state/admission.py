"""Which answers can start: the limits of a person or a gateway, the gate of budgets, and the line while the server is full."""

from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.orm import Session

from webapp.engine.tables import Generation
from webapp.models.providers.base import ModelRequest
from webapp.streaming.events import Event
from webapp.streaming.stop import Stop
from webapp.streaming.topics import Signal
from webapp.streaming.transcript import Transcript

# Each waiting request holds a connection, of which a worker has two thousand, but no connection to the database.
MOST_WAITING = 500
# Inspects an answer's events as they arrive, and can stop it.
Meter = Callable[[Iterator[Event], Stop], Iterator[Event]]


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
    """A request that waits for a slot; `signal` is set when it has one, or need not wait any longer."""

    whose: str
    lane: str
    signal: Signal
    has_slot: bool = False
    is_stopped: bool = False


class AdmissionQueue:
    """The slots for answers, and who waits for one: the first request of each person is served before the second of any.

    A slot is held from the moment that a request gets it until its answer runs; `running` returns how many answers do.
    """

    def __init__(self, most: Callable[[], int], running: Callable[[], int]) -> None:
        self._most, self._running = most, running
        self._lines: dict[str, deque[Waiter]] = {}
        self._held = 0
        # How many requests of each key are between their arrival and the start of their answer.
        self.arrived: Counter[str] = Counter()

    @property
    def waiting(self) -> int:
        return sum(map(len, self._lines.values()))

    @property
    def is_full(self) -> bool:
        most = self._most()
        return bool(most) and self._running() + self._held >= most

    def take(self) -> bool:
        """Takes a free slot, unless others wait for it."""
        if self._lines or self.is_full:
            return False
        self._held += 1
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

    def give_back(self) -> None:
        """Gives back a slot that is held: its answer runs, or does not come."""
        self._held -= 1
        self.serve()

    def serve(self) -> None:
        """Gives free slots to those who wait."""
        while self._lines and not self.is_full:
            whose = next(iter(self._lines))
            line = self._lines.pop(whose)
            waiter = line.popleft()
            if line:
                # Behind all others.
                self._lines[whose] = line
            self._held += 1
            waiter.has_slot = True
            waiter.signal.set()

    def stop(self, lane: str | None = None) -> None:
        """Ends the waiting of those who wait in this lane; with None, of all."""
        for waiter in [one for line in self._lines.values() for one in line if lane in (None, one.lane)]:
            self.leave(waiter)
            waiter.is_stopped = True
            waiter.signal.set()

    @contextmanager
    def counted(self, keys: tuple[str, ...]) -> Iterator[None]:
        """Counts a request that has arrived, until its answer runs or does not come."""
        self.arrived.update(keys)
        try:
            yield
        finally:
            self.arrived.subtract(keys)
            for key in keys:
                if not self.arrived[key]:
                    del self.arrived[key]


class Gate(Protocol):
    """Checks and counts the use of models, such as by budgets.

    `admit`, `settle` and `correct` work within the transaction of their caller; `prepare` is called before that of `admit`.
    `admit` raises an `AppError` for a request that is not allowed. `meter` is called once, when an admitted generation begins,
    `settle` with its end, and `correct` if its cost becomes known later.
    """

    def prepare(self) -> None: ...
    def admit(self, session: Session, generation: Generation, request: ModelRequest, character_id: str) -> None: ...
    def meter(self, generation: Generation) -> Meter: ...
    def settle(self, session: Session, generation: Generation, transcript: Transcript) -> None: ...
    def correct(self, session: Session, generation: Generation) -> None: ...


class OpenGate:
    """A gate that admits everything and counts nothing."""

    def prepare(self) -> None: ...

    def admit(self, session: Session, generation: Generation, request: ModelRequest, character_id: str) -> None: ...

    def meter(self, generation: Generation) -> Meter:
        return unmetered

    def settle(self, session: Session, generation: Generation, transcript: Transcript) -> None: ...

    def correct(self, session: Session, generation: Generation) -> None: ...


def unmetered(events: Iterator[Event], _stop: Stop) -> Iterator[Event]:
    """Returns the events unchanged."""
    return events
