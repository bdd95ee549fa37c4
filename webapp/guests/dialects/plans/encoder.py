"""Dialect 5: `progress` at most ten times a second, then one `complete` or `error`. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webapp.api.streaming.encoding import DialectFrame, StreamState
from webapp.base.untrusted_json import JsonObject
from webapp.plans.types.schema import Schema, sections
from webapp.plans.writing.projection import PlanPace, PlanProjection, progress_of
from webapp.streaming.events import ATTEMPT_NOTICE, Ended, Notice
from webapp.streaming.topics import Entry

EVERY_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class PlanOutcome:
    """The saved result of a plan's generation, and how long it took; None if it is gone."""

    status: str
    plan: Mapping[str, Any]
    usage: Mapping[str, Any] | None
    code: str
    message: str
    retryable: bool
    seconds: float | None = None


class PlansEncoder:
    """Encodes the plans dialect; progress is always the current state, and `outcome` is called at the end, once all is saved."""

    takes_snapshots = False
    fits_packets = False
    takes_transient = False

    def __init__(
        self,
        plan_id: str,
        schema: Schema,
        projection: PlanProjection,
        pace: PlanPace,
        now: Callable[[], float],
        outcome: Callable[[], PlanOutcome],
        *,
        begins_at: int = 0,
        warnings: Sequence[str] = (),
    ) -> None:
        """`warnings` are about the request, and the first event has them.

        Entries before `begins_at` were there already: a reader who comes late gets one progress for all of them.
        """
        self._plan_id, self._schema, self._projection, self._now, self._outcome = plan_id, schema, projection, now, outcome
        self._pace, self._begins_at, self._of_request = pace, begins_at, list(warnings)
        self._summary = next((name for name, section in sections(schema) if section.get("x-view") == "summary"), "")
        self._next_at, self._sent_before, self._warnings = float("-inf"), (0, 0), list[str]()
        self._has_ended = False

    def opening(self, state: StreamState) -> list[DialectFrame]:
        about = {"warnings": self._of_request} if self._of_request else {}
        return [DialectFrame({"planId": self._plan_id, "status": "generating", "connected": True, **about}, "progress")]

    def encode(self, entry: Entry) -> list[DialectFrame]:
        for _ in self._projection.fold(entry):
            # `fold` yields between pieces of work to let other greenlets run; here each reader folds in its own greenlet,
            # without pauses.
            continue
        match entry.event:
            case Notice(code, message) if code != ATTEMPT_NOTICE:
                self._warnings.append(message)
            case Ended():
                return self._end()
        return self._progress() if entry.seq >= self._begins_at and self._now() >= self._next_at else []

    def closing(self) -> list[DialectFrame]:
        """Returns the final event for a reader who is disconnected before the end."""
        return [] if self._has_ended else self._end()

    def _progress(self, seconds: float | None = None) -> list[DialectFrame]:
        """Returns the current state, unless the reader has it; `seconds` have passed, or as many as until now."""
        draft = self._projection.draft
        here = len(draft.elements), len(draft.live[1]) if draft.live else 0
        if here == self._sent_before and not self._warnings:
            return []
        self._next_at, self._sent_before = self._now() + EVERY_SECONDS, here
        return [DialectFrame(self._state_of_it(self._now() if seconds is None else self._pace.began_at + seconds), "progress")]

    def _state_of_it(self, now: float) -> JsonObject:
        shown, figures = self._projection.shown, progress_of(self._projection, self._schema, self._pace, now)
        progress: JsonObject = {"planId": self._plan_id, "status": "generating"}
        if (summary := shown.get(self._summary)) is not None:
            progress["monthly_summary"] = summary
        progress |= {"weeksCompleted": figures.done, "weeksTotal": figures.total, "partial": shown}
        progress |= {"chars": figures.chars, "tokens": figures.tokens, "seconds": figures.seconds}
        progress |= {"percent": figures.percent, "secondsLeft": figures.seconds_left}
        if self._warnings:
            progress["warning"], self._warnings = " ".join(self._warnings), []
        return progress

    def _end(self) -> list[DialectFrame]:
        self._has_ended = True
        plan_outcome = self._outcome()
        if plan_outcome.status == "completed":
            return [
                DialectFrame({"planId": self._plan_id, "plan": dict(plan_outcome.plan), "usage": plan_outcome.usage}, "complete")
            ]
        trouble = {"code": plan_outcome.code, "message": plan_outcome.message, "retryable": plan_outcome.retryable}
        error = {"planId": self._plan_id, **trouble, "partialSaved": any(plan_outcome.plan.values())}
        # An error has no content, so the last that was written comes before it, with the time that the status tells too.
        return [*self._progress(plan_outcome.seconds), DialectFrame(error, "error")]
