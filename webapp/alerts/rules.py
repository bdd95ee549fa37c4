"""When a rule warns, fires and is over: one step of it, and how often it would have fired. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "firing", "no_data"]
BELOW, ABOVE = "below", "above"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Fires beyond `limit`, warns beyond `warn_at`, and says nothing of fewer than `min_samples`."""

    side: str
    limit: float
    warn_at: float
    min_samples: int = 0


@dataclass(frozen=True, slots=True)
class Look:
    """What was found: a value, of how many samples; None where there is nothing to look at."""

    value: float | None
    samples: int = 1


def step(state: State, look: Look, bounds: Bounds) -> State:
    """The state after a look. What fires is over only when nothing would even warn."""
    if look.value is None or look.samples < bounds.min_samples:
        return "no_data"
    if _is_beyond(look.value, bounds.limit, bounds.side):
        return "firing"
    if not _is_beyond(look.value, bounds.warn_at, bounds.side):
        return "ok"
    return "firing" if state == "firing" else "warning"


def is_open(was_open: bool, state: State) -> bool:
    """Whether it has fired and is not over: silence ends nothing, so that it is not told twice."""
    return state == "firing" or (was_open and state != "ok")


def times_fired(looks: Iterable[Look], bounds: Bounds) -> int:
    """How often a rule with these bounds would have fired."""
    state: State = "ok"
    fired, open_now = 0, False
    for look in looks:
        state = step(state, look, bounds)
        fired += state == "firing" and not open_now
        open_now = is_open(open_now, state)
    return fired


def _is_beyond(value: float, limit: float, side: str) -> bool:
    return value < limit if side == BELOW else value > limit
