"""The state machine of a rule: when it warns, fires and resolves, and how often it would have fired. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "firing", "no_data"]
BELOW, ABOVE = "below", "above"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Thresholds: fires beyond `limit`, warns beyond `warn_at`, and has no data with fewer than `min_samples`."""

    side: str
    limit: float
    warn_at: float
    min_samples: int = 0


@dataclass(frozen=True, slots=True)
class Measurement:
    """The result of a check: a value from a number of samples, or None if there is no data; `words` says it in a sentence."""

    value: float | None
    samples: int = 1
    words: str = ""


def step(state: State, measurement: Measurement, bounds: Bounds) -> State:
    """Returns the state after a check; a firing rule resolves only when it would not even warn."""
    if measurement.value is None or measurement.samples < bounds.min_samples:
        return "no_data"
    if is_beyond(measurement.value, bounds.limit, bounds.side):
        return "firing"
    if not is_beyond(measurement.value, bounds.warn_at, bounds.side):
        return "ok"
    return "firing" if state == "firing" else "warning"


def is_open(was_open: bool, state: State, measurement: Measurement, bounds: Bounds) -> bool:
    """Returns whether an alert has fired and is not resolved.

    Too few samples don't resolve it while they are still bad, so that it isn't sent twice; good ones do, and so does having none.
    """
    if state != "no_data":
        return state == "firing" or (was_open and state == "warning")
    value = measurement.value
    return was_open and value is not None and measurement.samples > 0 and is_beyond(value, bounds.warn_at, bounds.side)


def times_fired(measurements: Iterable[Measurement], bounds: Bounds) -> int:
    """Returns how often a rule with these thresholds would have fired."""
    state: State = "ok"
    fired, open_now = 0, False
    for measurement in measurements:
        state = step(state, measurement, bounds)
        fired += state == "firing" and not open_now
        open_now = is_open(open_now, state, measurement, bounds)
    return fired


def is_beyond(value: float, limit: float, side: str) -> bool:
    return value < limit if side == BELOW else value > limit
