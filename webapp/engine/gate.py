"""The gate that every request to a model passes: handed in, so that the engine knows nothing of what it counts."""

from collections.abc import Callable, Iterator
from typing import Protocol

from sqlalchemy.orm import Session

from webapp.engine.tables import Generation
from webapp.providers.base import ModelRequest
from webapp.streaming.events import Event
from webapp.streaming.stop import Stop
from webapp.streaming.transcript import Transcript

# Looks at the events of an answer while they arrive, and may ask it to stop.
Meter = Callable[[Iterator[Event], Stop], Iterator[Event]]


class Gate(Protocol):
    """`admit`, `settle` and `correct` work within the transaction of their caller; `prepare` is called before that of `admit`.

    `admit` raises an `AppError` for what may not be asked. `meter` is asked for once, when an admitted generation begins.
    `settle` is told its end, and `correct` what it has cost when that is known later.
    """

    def prepare(self) -> None: ...
    def admit(self, session: Session, generation: Generation, request: ModelRequest, character_id: str) -> None: ...
    def meter(self, generation: Generation) -> Meter: ...
    def settle(self, session: Session, generation: Generation, transcript: Transcript) -> None: ...
    def correct(self, session: Session, generation: Generation) -> None: ...


class OpenGate:
    """Lets everything through and counts nothing."""

    def prepare(self) -> None: ...

    def admit(self, session: Session, generation: Generation, request: ModelRequest, character_id: str) -> None: ...

    def meter(self, generation: Generation) -> Meter:
        return unmetered

    def settle(self, session: Session, generation: Generation, transcript: Transcript) -> None: ...

    def correct(self, session: Session, generation: Generation) -> None: ...


def unmetered(events: Iterator[Event], _stop: Stop) -> Iterator[Event]:
    """The events as they are."""
    return events
