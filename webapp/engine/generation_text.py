"""The text of one generation without its timing, its notices, and what the copy of an ended answer lacks compared with it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webapp.engine.tables import Generation
from webapp.streaming.events import (
    FOLDED_NOTICE,
    CallEvent,
    Delta,
    Ended,
    Event,
    Failed,
    Notice,
    NoticeRecord,
    Reasoning,
    Saved,
    Sources,
    Started,
    Text,
    Usage,
)
from webapp.streaming.outcome import PERMANENT
from webapp.streaming.topics import Entry, Topics
from webapp.streaming.transcript import Transcript

# How many entries are folded between two pauses: about a millisecond.
PIECE = 1_000
AGAIN = {"retry", "whole"}
STEPS = {"fallback", "demo_fallback", "mending"}
TIMES = {1: "once", 2: "twice"}


@dataclass(frozen=True, slots=True)
class GenerationText:
    """The text, reasoning, sources and calls of a generation, without when they arrived."""

    started: Started | None
    text: str
    reasoning: str = ""
    sources: tuple[Mapping[str, Any], ...] = ()
    calls: tuple[CallEvent, ...] = ()

    def events(self) -> list[Event]:
        """Returns the same as events, as if all text had arrived in one piece."""
        reasoning = [Reasoning(self.reasoning)] if self.reasoning else []
        sources = [Sources(self.sources)] if self.sources else []
        text = [Delta(self.text)] if self.text else []
        return [*filter(None, [self.started]), *sources, *reasoning, *self.calls, *text]


def events_so_far(transcript: Transcript) -> GenerationText:
    """Returns what a running generation has said so far."""
    return GenerationText(transcript.started, transcript.text, transcript.reasoning, transcript.sources)


def started_of(generation: Generation) -> Started:
    return Started(generation.model, generation.provider, generation.is_demo)


def end_of(generation: Generation, saved_events: Iterable[Saved]) -> list[Event]:
    """Returns the closing events of an ended generation, apart from its text, including what its kind saved."""
    notices = [Notice(**notice) for notice in generation.notices or ()]
    usage = Usage(generation.input_tokens, generation.output_tokens, generation.cost, generation.model_used)
    is_retryable = generation.reason not in PERMANENT
    failure = Failed(generation.reason, generation.error or "It was interrupted.", is_retryable)
    failures = [failure] if generation.status in ("failed", "interrupted") else []
    ended = Ended(generation.status, generation.reason)  # type: ignore[arg-type]  # it has one of the four
    return [*notices, usage, *failures, *saved_events, ended]


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
    copy_state = CopyState()
    while entries := topics.read(topic, copy_state.last)[:PIECE]:
        for entry in entries:
            copy_state.fold(entry)
        if len(entries) == PIECE:
            pause()
    return copy_state


def missing_events(copy_state: CopyState, generation_text: GenerationText | None, end: Iterable[Event]) -> list[Event]:
    """Returns the events that are missing at the end of a copy."""
    return [
        *(_rest(generation_text, copy_state.transcript, copy_state.events) if generation_text else ()),
        *(event for event in end if event not in copy_state.events),
    ]


def _rest(generation_text: GenerationText, transcript: Transcript, copy_events: Sequence[Event]) -> list[Event]:
    started = [generation_text.started] if generation_text.started and not transcript.started else []
    sources = [Sources(generation_text.sources)] if generation_text.sources and not transcript.sources else []
    calls = [call for call in generation_text.calls if call not in copy_events]
    thought, text = _behind(transcript.reasoning, generation_text.reasoning), _behind(transcript.text, generation_text.text)
    return [*started, *sources, *([Reasoning(thought)] if thought else ()), *calls, *([Delta(text)] if text else ())]


def _behind(start: str, whole: str) -> str:
    return whole[len(start) :] if whole.startswith(start) else ""


def notice_lines(notices: Sequence[NoticeRecord]) -> list[tuple[str, str]]:
    """Returns the text and details of each notice; all retries of a model are merged into one line."""
    again = [_past(notice) for notice in notices if notice["code"] in AGAIN]
    others = [_other(notice) for notice in notices if notice["code"] not in AGAIN]
    count = len(again)
    line = [(f"The request was retried {TIMES.get(count, f'{count} times')}.", "\n".join(again))] if again else []
    return line + others


def _past(notice: NoticeRecord) -> str:
    # Notices from before `detail` was stored have only a text in the present tense.
    return notice.get("detail") or notice["message"]


def _other(notice: NoticeRecord) -> tuple[str, str]:
    if notice["code"] in STEPS:
        return _past(notice), ""
    if notice["code"] == FOLDED_NOTICE:
        return notice["message"], ""
    return notice["message"], notice.get("detail", "")
