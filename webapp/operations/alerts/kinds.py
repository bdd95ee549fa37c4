"""The rules for alerts: what each measures, its limits, and its words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from webapp.base.languages import current, gettext as _

PROOF = "proof"
DISK, REJECTED_KEYS, NO_CREDIT, SLOWER = "disk", "key", "credit", "slower"
FAILED = "Several answers failed earlier."
# Units for a thousand of these.
THOUSANDS: Mapping[str, str] = {"ms": "s", "MB": "GB"}
# Values in units that are words.
IN_WORDS: Mapping[str, str] = {"times": "%(number)s times", "days": "%(number)s days"}
State = Literal["ok", "warning", "firing", "no_data"]
BELOW, ABOVE = "below", "above"


@dataclass(frozen=True, slots=True)
class AlertKind:
    """A kind of rule; `metric` is a figure of recent answers, or empty for a fact of the server, which has no time window.

    `condition` says what has to be so for the rule to fire, with `%(limit)s`; `special` is a limit for which other words say it.
    `scale` converts a compared value to the unit that people type. `earlier` explains one that is open with too few answers.
    """

    name: str
    title: str
    condition: str
    side: str
    unit: str
    metric: str = ""
    scale: float = 1
    special: tuple[float, str] = (-1, "")
    earlier: str = ""

    def words(self, value: float) -> str:
        """Formats a value for people."""
        number, unit = value * self.scale, self.unit
        if unit in THOUSANDS and number >= 1_000:
            number, unit = number / 1_000, THOUSANDS[unit]
        written = current().formats.rounded(number, 1)
        return _(IN_WORDS[unit], number=written) if unit in IN_WORDS else f"{written} {unit}".rstrip()

    @property
    def unit_word(self) -> str:
        """The unit, as a label has it."""
        return "percent" if self.unit == "%" else self.unit


KINDS: Mapping[str, AlertKind] = {
    kind.name: kind
    for kind in (
        AlertKind(
            "success", "Success rate", "the success rate is below %(limit)s", BELOW, "%", "success_rate", 100, earlier=FAILED
        ),
        AlertKind(
            SLOWER,
            "Slower than usual",
            "a model's first text takes more than %(limit)s its usual time",
            ABOVE,
            "times",
            "slowdown",
        ),
        AlertKind(
            "first_text",
            "Time to the first text",
            "the first text takes longer than %(limit)s on average",
            ABOVE,
            "ms",
            "ttft_avg_ms",
            earlier="Several answers started slowly earlier.",
        ),
        AlertKind(
            "fallback",
            "Answers from a fallback model",
            "a fallback model writes more than %(limit)s of the answers",
            ABOVE,
            "%",
            "fallback_rate",
            100,
            earlier="A fallback model wrote several answers earlier.",
        ),
        AlertKind("errors", "Error rate", "the error rate is above %(limit)s", ABOVE, "%", "error_rate", 100, earlier=FAILED),
        AlertKind(
            "budget",
            "Budget used",
            "more than %(limit)s of a budget is used",
            ABOVE,
            "%",
            scale=100,
            special=(0.999, "a budget is used up"),
        ),
        AlertKind(DISK, "Free disk space", "less than %(limit)s of disk space is free", BELOW, "MB"),
        AlertKind("backup", "Age of the last backup", "the last backup is older than %(limit)s", ABOVE, "days"),
        AlertKind(
            PROOF,
            "Nightly backup",
            "nightly backups have more than %(limit)s problems",
            ABOVE,
            "",
            special=(0, "a nightly backup failed or is missing, or a copy is damaged"),
        ),
        AlertKind(
            REJECTED_KEYS,
            "Rejected provider keys",
            "more than %(limit)s provider keys are rejected",
            ABOVE,
            "",
            special=(0, "a provider rejects its key"),
        ),
        AlertKind(
            NO_CREDIT,
            "Providers without credit",
            "more than %(limit)s providers have no credit left",
            ABOVE,
            "",
            special=(0, "a provider has no credit left"),
        ),
    )
}


@dataclass(frozen=True, slots=True)
class AlertBounds:
    """Thresholds: fires beyond `limit`, warns beyond `warn_at`, and has no data with fewer than `min_samples`."""

    side: str
    limit: float
    warn_at: float
    min_samples: int = 0


class Measurement(NamedTuple):
    """The result of a check: a value from a number of samples, or None if there is no data; `words` says it in a sentence."""

    value: float | None
    samples: int = 1
    words: str = ""


def step(state: State, measurement: Measurement, bounds: AlertBounds) -> State:
    """Returns the state after a check; a firing rule resolves only when it would not even warn."""
    if measurement.value is None or measurement.samples < bounds.min_samples:
        return "no_data"
    if is_beyond(measurement.value, bounds.limit, bounds.side):
        return "firing"
    if not is_beyond(measurement.value, bounds.warn_at, bounds.side):
        return "ok"
    return "firing" if state == "firing" else "warning"


def is_open(was_open: bool, state: State, measurement: Measurement, bounds: AlertBounds) -> bool:
    """Returns whether an alert has fired and is not resolved.

    Too few samples don't resolve it while they are still bad, so that it isn't sent twice; good ones do, and so does having none.
    """
    if state != "no_data":
        return state == "firing" or (was_open and state == "warning")
    value = measurement.value
    return was_open and value is not None and measurement.samples > 0 and is_beyond(value, bounds.warn_at, bounds.side)


def times_fired(measurements: Iterable[Measurement], bounds: AlertBounds) -> int:
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
