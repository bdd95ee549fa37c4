"""Computes what the copy of an ended answer lacks compared with the saved one."""

from collections.abc import Callable, Iterable

from webapp.engine.generation_text import GenerationText
from webapp.streaming.events import Delta, Event, Reasoning, Sources, Text
from webapp.streaming.topics import Entry, Topics
from webapp.streaming.transcript import Transcript

# How many entries are folded between two pauses: about a millisecond.
PIECE = 1_000


class CopyState:
    """What a copy contains, up to the position `last`."""

    def __init__(self) -> None:
        self.transcript, self.last = Transcript(), 0
        # All events but text, of which there are far more.
        self.events: list[Event] = []

    def fold(self, entry: Entry) -> None:
        self.transcript.fold(entry.event)
        self.last = entry.seq
        if not isinstance(entry.event, Text):
            self.events.append(entry.event)


def state_of_copy(topics: Topics, topic: str, pause: Callable[[], object]) -> CopyState:
    """Folds a copy in pieces, including entries that arrive while pausing; it does not pause after the last piece."""
    known = CopyState()
    while entries := topics.read(topic, known.last)[:PIECE]:
        for entry in entries:
            known.fold(entry)
        if len(entries) == PIECE:
            pause()
    return known


def missing_events(known: CopyState, saved: GenerationText | None, end: Iterable[Event]) -> list[Event]:
    """Returns the events that are missing at the end of a copy."""
    return [*(_rest(saved, known.transcript) if saved else ()), *(event for event in end if event not in known.events)]


def _rest(saved: GenerationText, known: Transcript) -> list[Event]:
    started = [saved.started] if saved.started and not known.started else []
    sources = [Sources(saved.sources)] if saved.sources and not known.sources else []
    thought, text = _behind(known.reasoning, saved.reasoning), _behind(known.text, saved.text)
    return [*started, *sources, *([Reasoning(thought)] if thought else ()), *([Delta(text)] if text else ())]


def _behind(known: str, whole: str) -> str:
    return whole[len(known) :] if whole.startswith(known) else ""
