"""The gate that every request to a model passes: injected, so that the engine does not know what it counts."""

from collections.abc import Callable, Iterator
from typing import Protocol

from sqlalchemy.orm import Session

from webapp.engine.tables import Generation
from webapp.models.providers.base import ModelRequest
from webapp.streaming.events import Event
from webapp.streaming.stop import Stop
from webapp.streaming.transcript import Transcript

# Inspects an answer's events as they arrive, and can stop it.
Meter = Callable[[Iterator[Event], Stop], Iterator[Event]]


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
