"""The kinds of alert rules, as data: title, direction, unit and format of values. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from webapp.alerts.rules import ABOVE, BELOW

# Units for a thousand of these.
THOUSANDS: Mapping[str, str] = {"ms": "s", "MB": "GB"}


@dataclass(frozen=True, slots=True)
class AlertKind:
    """A kind of rule; `metric` is a figure of insights, or empty for a fact of the server, which has no time window.

    `scale` converts a compared value to the unit that people type.
    """

    name: str
    title: str
    side: str
    unit: str
    metric: str = ""
    scale: float = 1

    def words(self, value: float) -> str:
        """Formats a value for people."""
        number, unit = value * self.scale, self.unit
        if unit in THOUSANDS and number >= 1_000:
            number, unit = number / 1_000, THOUSANDS[unit]
        return f"{number:,.1f}".removesuffix(".0") + (f" {unit}" if unit else "")

    @property
    def in_unit(self) -> str:
        """The end of a label, with the unit."""
        return f", in {'percent' if self.unit == '%' else self.unit}" if self.unit else ""


KINDS: Mapping[str, AlertKind] = {
    each.name: each
    for each in (
        AlertKind("success", "Success rate", BELOW, "%", "success_rate", 100),
        AlertKind("first_text", "Time to the first text", ABOVE, "ms", "ttft_avg_ms"),
        AlertKind("fallback", "Answers by another model", ABOVE, "%", "fallback_rate", 100),
        AlertKind("errors", "Error rate", ABOVE, "%", "error_rate", 100),
        AlertKind("budget", "Budget used", ABOVE, "%", scale=100),
        AlertKind("disk", "Free disk space", BELOW, "MB"),
        AlertKind("backup", "Age of the last backup", ABOVE, "days"),
        AlertKind("key", "Rejected provider keys", ABOVE, ""),
    )
}
