"""What the copy of an answer that has ended lacks, by what is saved."""

from collections.abc import Callable, Iterable

from webapp.engine.said import Said
from webapp.streaming.events import Delta, Event, Reasoning, Sources, Text
from webapp.streaming.topics import Entry, Topics
from webapp.streaming.transcript import Transcript

# Folded in one go: about a millisecond.
PIECE = 1_000


class Known:
    """What a copy holds, up to `last`."""

    def __init__(self) -> None:
        self.transcript, self.last = Transcript(), 0
        # Beside its words, of which there are far more.
        self.told: list[Event] = []

    def fold(self, entry: Entry) -> None:
        self.transcript.fold(entry.event)
        self.last = entry.seq
        if not isinstance(entry.event, Text):
            self.told.append(entry.event)


def known_of(topics: Topics, topic: str, pause: Callable[[], object]) -> Known:
    """All that a copy holds, folded in pieces, with what comes meanwhile; nothing does between the last piece and the return."""
    known = Known()
    while entries := topics.read(topic, known.last)[:PIECE]:
        for entry in entries:
            known.fold(entry)
        if len(entries) == PIECE:
            pause()
    return known


def lacking(known: Known, words: Said | None, end: Iterable[Event]) -> list[Event]:
    """What comes behind it, to the end."""
    return [*(_rest(words, known.transcript) if words else ()), *(event for event in end if event not in known.told)]


def _rest(words: Said, known: Transcript) -> list[Event]:
    started = [words.started] if words.started and not known.started else []
    sources = [Sources(words.sources)] if words.sources and not known.sources else []
    thought, text = _behind(known.reasoning, words.reasoning), _behind(known.text, words.text)
    return [*started, *sources, *([Reasoning(thought)] if thought else ()), *([Delta(text)] if text else ())]


def _behind(known: str, whole: str) -> str:
    return whole[len(known) :] if whole.startswith(known) else ""
