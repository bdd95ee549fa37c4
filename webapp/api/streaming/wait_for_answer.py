"""An answer in one piece, once it is complete, or the reason why there is none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from webapp.api.sources import as_visible
from webapp.api.streaming.course import Course
from webapp.api.streaming.streams import wait_until_ended
from webapp.base import topic_names
from webapp.base.errors import AppError
from webapp.engine.duties.report import FALLBACKS
from webapp.engine.engine import the_engine
from webapp.engine.generation_text import end_of
from webapp.engine.state.circuit import FIRST_PAUSE_SECONDS
from webapp.engine.tables import Generation
from webapp.streaming.events import AttemptRecord, Delta, Event, Failed
from webapp.streaming.topics import Gap

BAD_GATEWAY, GATEWAY_TIMEOUT, TOO_MANY = 502, 504, 429
STATUSES = {"first_byte": GATEWAY_TIMEOUT, "stall": GATEWAY_TIMEOUT, "total_time": GATEWAY_TIMEOUT, "rate": TOO_MANY}
# Not `auth` and `credit`, which clients would take for their own token and budget.
CODES = {"auth": "provider_key", "credit": "provider_credit", "rate": "rate"}
# How an operation that waits for an answer reports that there is none, for the document.
NO_ANSWER = (
    (
        TOO_MANY,
        "Too many requests: yours or, with the code `rate`, this server's to the provider. `Retry-After` says when.",
        None,
    ),
    (
        BAD_GATEWAY,
        "The model didn't answer. The code says why: `provider_key` if the provider refused this server's key, `provider_credit` "
        "if its account has no credit, `no_text` if the answer was empty, else `error`, `cut` or `invalid`.",
        None,
    ),
    (GATEWAY_TIMEOUT, "The model didn't answer in time. The code is `first_byte`, `stall` or `total_time`.", None),
)
SILENT = Failed("no_text", "The model returned no text.", retryable=True)


class NoAnswer(AppError):
    """The error for a request without an answer.

    `ids` name what was saved nevertheless, `attempts` are the failed requests to models. `reason` is how the answer ended, if
    that is not the failure's code.
    """

    def __init__(
        self, failure: Failed, ids: Mapping[str, str], attempts: Sequence[AttemptRecord] = (), *, reason: str = ""
    ) -> None:
        cause = reason or failure.code
        self.status = STATUSES.get(cause, BAD_GATEWAY)
        seconds = ceil(_requested_seconds(attempts)) if self.status == TOO_MANY else 0
        super().__init__(failure.message, retry_after=seconds)
        self.code, self._ids = CODES.get(cause, failure.code), ids

    def details(self) -> dict[str, Any]:
        return dict(self._ids)


def _requested_seconds(attempts: Sequence[AttemptRecord]) -> float:
    """Returns how long the provider wants to be left alone; without its word, as long as a pause of a model lasts at first."""
    requested = [attempt.get("retry_after") for attempt in attempts if attempt.get("code") == "rate"]
    return max(1.0, requested[-1] if requested and requested[-1] is not None else FIRST_PAUSE_SECONDS)


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
    def reason(self) -> str:
        return self.course.ended.reason if self.course.ended else "interrupted"

    @property
    def notices(self) -> list[dict[str, str]]:
        """The notices for the reader; the last one of an interrupted answer says why, as such an answer is no error here."""
        failure = self.course.failure
        return [*self.course.notices, *([{"code": failure.code, "message": failure.message}] if failure else ())]

    @property
    def model(self) -> str:
        return self.generation.model

    @property
    def is_fallback(self) -> bool:
        return any(notice.code in FALLBACKS for notice in self.course.transcript.notices)


def wait_for_text(generation: Generation, **ids: str) -> EndedAnswer:
    """Waits for the whole answer; raises `NoAnswer` if it has no text, unless it was stopped."""
    answer = ended_answer(wait_until_ended(generation))
    if not answer.text and not answer.course.was_stopped:
        raise NoAnswer(answer.course.failure or SILENT, ids, answer.course.transcript.attempts)
    return answer


def wait_for_success(generation: Generation) -> EndedAnswer:
    """Waits for the answer, for a dialect that has no status for a partial one: a failure raises `NoAnswer` even with text."""
    answer = ended_answer(wait_until_ended(generation))
    if failure := answer.course.failure:
        raise NoAnswer(failure, {}, answer.course.transcript.attempts)
    return answer


def ended_answer(generation: Generation) -> EndedAnswer:
    """Returns a generation's events as the caller can see them, from its log or, once that is gone, from what was saved."""
    course, events = Course(), _events(generation)
    for event in events:
        course.fold(as_visible(event))
    return EndedAnswer(generation, course, sum(isinstance(event, Delta) for event in events))


def _events(generation: Generation) -> list[Event]:
    try:
        entries = the_engine().logs.topics.read(topic_names.of_generation(generation.id), 0)
    except Gap:
        entries = []
    if entries or not generation.message_id:
        return [entry.event for entry in entries]
    kind = the_engine().kinds[generation.kind]
    text = kind.text(generation)
    return [*(text.events() if text else ()), *end_of(generation, kind.saved(generation))]
