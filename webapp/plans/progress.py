"""How far a plan is: parts, text and time, told alike on pages and by the API. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from webapp.plans.projection import PlanProjection
from webapp.plans.schema import Schema, expected, main_list, missing

# An estimate: models count their tokens only at the end, and each in its own way.
CHARS_PER_TOKEN = 4
# A guess isn't exact to the second: it is told in steps, and from a minute and a half on in minutes.
STEP_SECONDS, IN_SECONDS = 5, 90


@dataclass(frozen=True, slots=True)
class Pace:
    """What is known of a run besides its text.

    `chars_before` were written by earlier runs for the same plan. `began_at` is on the clock that `progress_of` gets, and
    `usual_seconds` is how long plans of this type take; None if unknown.
    """

    chars_before: int
    began_at: float
    usual_seconds: float | None


@dataclass(frozen=True, slots=True)
class Progress:
    """`percent` is None for a schema that requires nothing, `seconds_left` when it is unknown or nothing runs."""

    done: int
    total: int
    chars: int
    seconds: int
    percent: int | None
    seconds_left: int | None = None

    @property
    def tokens(self) -> int:
        return -(-self.chars // CHARS_PER_TOKEN)


def progress_of(projection: PlanProjection, schema: Schema, pace: Pace, now: float) -> Progress:
    """Returns the progress of a plan that is being written. Parts and characters never become fewer."""
    total, seconds = max(projection.made, expected(schema)), max(0.0, now - pace.began_at)
    percent = _percent(projection.finished, schema, most=99)
    chars = pace.chars_before + projection.draft.chars
    return Progress(projection.done, total, chars, int(seconds), percent, _seconds_left(percent, pace.usual_seconds))


def progress_at_end(content: dict[str, Any], schema: Schema, *, chars: int, seconds: float) -> Progress:
    """Returns the progress of a plan that isn't being written."""
    rows = content.get(main_list(schema))
    done = len(rows) if isinstance(rows, list) else 0
    return Progress(done, max(done, expected(schema)), chars, int(max(0.0, seconds)), _percent(content, schema, most=100))


def usual_seconds(durations: Sequence[tuple[str, float]], model: str) -> float | None:
    """Returns the usual duration of pairs of model and seconds: that of this model if there is one, else that of all."""
    own = [seconds for name, seconds in durations if name == model]
    usual = sorted(own or [seconds for _, seconds in durations])
    # `statistics` has the median, and a megabyte of modules for it.
    return (usual[(len(usual) - 1) // 2] + usual[len(usual) // 2]) / 2 if usual else None


def time_left(projection: PlanProjection, schema: Schema, pace: Pace) -> str:
    """Returns the time left in words; empty if it is unknown."""
    seconds = _seconds_left(_percent(projection.finished, schema, most=99), pace.usual_seconds)
    if seconds is None:
        return ""
    if seconds < STEP_SECONDS:
        return "almost done"
    if seconds > IN_SECONDS:
        return f"about {round(seconds / 60)} min left"
    return f"about {-(-seconds // STEP_SECONDS) * STEP_SECONDS} s left"


def _percent(finished: dict[str, Any], schema: Schema, *, most: int) -> int | None:
    """Returns how many of the parts that the schema requires are finished, in percent."""
    if not (all_parts := len(missing({}, schema))):
        return None
    return min(most, 100 * (all_parts - len(missing(finished, schema))) // all_parts)


def _seconds_left(percent: int | None, usual: float | None) -> int | None:
    return None if percent is None or usual is None else round(usual * (100 - percent) / 100)
