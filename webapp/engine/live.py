"""`LiveGeneration`: a generation that runs in this process."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from webapp.streaming.events import Event
from webapp.streaming.run import Run
from webapp.streaming.stop import Stop

# Inspects an answer's events as they arrive, and can stop it.
Meter = Callable[[Iterator[Event], Stop], Iterator[Event]]


class EventSource(Protocol):
    """A source of a run's events. `check_timeout` is called every second until the first text, and afterwards while the source
    `is_between` texts, which is no silence of the model; it can end an attempt.
    """

    @property
    def is_between(self) -> bool: ...
    def events(self, stop: Stop) -> Iterator[Event]: ...
    def check_timeout(self) -> str: ...


@dataclass(slots=True)
class LiveGeneration:
    """A generation that runs in this process.

    `journalled` is the journal's cursor, `reserved` that of the disk reserve, `may_have_rows` whether the journal ever tried to
    write for it. `saved_chars` and `saved_at` say how much of its text its kind has saved so far, and when. `text_offset` is the
    length of the text that it continues. `has_waited` says that it was parked, so that its beginning is stored already.
    """

    id: str
    lane: str
    kind: str
    message_id: str | None
    continues_id: str | None
    text_offset: int
    column_number: int
    has_waited: bool
    person: str
    counted_as: tuple[str, ...]
    model: str
    when_unwatched: str
    run: Run
    source: EventSource
    meter: Meter
    journalled: int = 0
    reserved: int = 0
    may_have_rows: bool = False
    saved_chars: int = 0
    saved_at: float = float("-inf")
