"""An answer in one piece, once it is complete, or the reason why there is none."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from webapp import topic_names
from webapp.api.dialects.course import Course
from webapp.api.sources import as_visible
from webapp.api.streams import wait_until_ended
from webapp.engine.engine import the_engine
from webapp.engine.generation_text import end_of
from webapp.engine.report import FALLBACKS
from webapp.engine.tables import Generation
from webapp.errors import AppError
from webapp.streaming.events import Delta, Event, Failed
from webapp.streaming.topics import Gap

LATE = {"first_byte", "stall", "total_time"}
SILENT = Failed("no_text", "The model returned no text.", retryable=True)


class NoAnswer(AppError):
    """The error for a request without an answer; `ids` name what was saved nevertheless."""

    def __init__(self, failure: Failed, ids: Mapping[str, str], *, is_late: bool = False) -> None:
        super().__init__(failure.message)
        self.status, self.code, self._ids = 504 if is_late or failure.code in LATE else 502, failure.code, ids

    def details(self) -> dict[str, Any]:
        return dict(self._ids)


@dataclass(frozen=True, slots=True)
class EndedAnswer:
    """A generation that has ended, with everything that occurred until then."""

    generation: Generation
    course: Course
    chunks: int

    @property
    def text(self) -> str:
        return self.course.transcript.text

    @property
    def status(self) -> str:
        return self.course.ended.status if self.course.ended else "interrupted"

    @property
    def model(self) -> str:
        return self.generation.model

    @property
    def is_fallback(self) -> bool:
        return any(notice.code in FALLBACKS for notice in self.course.transcript.notices)


def wait_for_text(generation: Generation, **ids: str) -> EndedAnswer:
    """Waits for the whole answer; raises `NoAnswer` if it has no text, unless it was stopped."""
    found = ended_answer(wait_until_ended(generation))
    if not found.text and not found.course.was_stopped:
        raise NoAnswer(found.course.failure or SILENT, ids)
    return found


def wait_for_success(generation: Generation) -> EndedAnswer:
    """Waits for the answer, for a dialect that has no status for a partial one: a failure raises `NoAnswer` even with text."""
    found = ended_answer(wait_until_ended(generation))
    if failure := found.course.failure:
        raise NoAnswer(failure, {})
    return found


def ended_answer(generation: Generation) -> EndedAnswer:
    """Returns a generation's events as the caller can see them, from its log or, once that is gone, from what was saved."""
    course, events = Course(), _events(generation)
    for event in events:
        course.fold(as_visible(event))
    return EndedAnswer(generation, course, sum(isinstance(event, Delta) for event in events))


def _events(generation: Generation) -> list[Event]:
    try:
        entries = the_engine().topics.read(topic_names.of_generation(generation.id), 0)
    except Gap:
        entries = []
    if entries or not generation.message_id:
        return [entry.event for entry in entries]
    kind = the_engine().kinds[generation.kind]
    text = kind.text(generation)
    return [*(text.events() if text else ()), *end_of(generation, kind.saved(generation))]
