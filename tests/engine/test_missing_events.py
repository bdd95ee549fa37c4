"""The copy of an ended answer is completed with the events it lacks, without blocking others while all of it is read."""

from dataclasses import dataclass, field

from webapp.engine.generation_text import PIECE, GenerationText, missing_events, state_of_copy
from webapp.streaming.events import Delta, Ended, Event, Notice, Reasoning, Sources, Started, Usage
from webapp.streaming.topics import Entry, Gap

TOPIC = "generation:1"
STARTED, USAGE, END = Started("m", "p"), Usage(3, 5), Ended("completed", "stop")
NOTICE = Notice("tried", "It was tried again.")


@dataclass
class Copy:
    """A log that grows while it is read: the first reads find more events than were there before."""

    events: list[Event]
    later: list[Event] = field(default_factory=list)
    reads: list[int] = field(default_factory=list)

    def read(self, _topic: str, after: int) -> list[Entry]:
        if after > len(self.events):
            raise Gap(TOPIC)
        self.reads.append(after)
        return [Entry(seq, event) for seq, event in enumerate(self.events[after:], after + 1)]

    def pause(self) -> None:
        """Another greenlet runs and appends an event."""
        self.events += self.later[:1]
        del self.later[:1]


def known(copy: Copy):
    return state_of_copy(copy, TOPIC, copy.pause)  # type: ignore[arg-type]  # it is read, and nothing else


def test_a_long_copy_is_folded_in_pieces_and_with_what_comes_meanwhile() -> None:
    said = [Delta(f"{number} ") for number in range(5 * PIECE)]
    copy = Copy([STARTED, *said], later=[Delta(f"late {number} ") for number in range(3)])
    found = known(copy)

    assert copy.reads[:6] == [0, PIECE, 2 * PIECE, 3 * PIECE, 4 * PIECE, 5 * PIECE]
    assert found.last == len(copy.events) == 5 * PIECE + 4
    assert found.transcript.text == "".join(event.text for event in copy.events if isinstance(event, Delta))
    assert "late 2 " in found.transcript.text
    # Only a few events are compared with the end, however long the text is.
    assert found.events == [STARTED]


def test_a_copy_lacks_what_comes_behind_it_and_nothing_twice() -> None:
    whole = GenerationText(STARTED, "Yes, it is.", reasoning="Is it? It is.", sources=({"number": 1},))
    end = [NOTICE, USAGE, END]

    assert missing_events(known(Copy([])), whole, end) == [*whole.events(), *end]
    held = [STARTED, NOTICE, Sources(whole.sources), Reasoning("Is it? "), Delta("Yes, ")]
    assert missing_events(known(Copy(held)), whole, end) == [Reasoning("It is."), Delta("it is."), USAGE, END]
    assert missing_events(known(Copy([*held, Reasoning("It is."), Delta("it is."), USAGE])), whole, end) == [END]
    # Another worker has written a different text: only the end is certain.
    assert missing_events(known(Copy([STARTED, Delta("No")])), GenerationText(STARTED, "Yes"), end) == end
    assert missing_events(known(Copy([STARTED])), None, [END]) == [END]
