"""The findings of a drill, in numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Literal

How = Literal["kill", "terminate"]
Policy = Literal["continue", "ask", "never"]
# The guarantee for a killed server: a window of 30 ms, a journal every 250 ms, and the time to write it.
BOUND_MS: dict[How, float] = {"kill": 310, "terminate": 50}
STOP_SECONDS = 5.0
NAMES: dict[How, str] = {"kill": "kill -9", "terminate": "SIGTERM"}


@dataclass(frozen=True)
class Finding:
    """One answer that was cut: `lost_ms` is the age of the oldest lost word at that moment, 0 if none was lost."""

    sent: int
    kept: int
    lost_ms: float
    faults: tuple[str, ...] = ()


@dataclass
class Figures:
    """The measurements of all rounds that end the server in the same way, `how`."""

    how: How
    findings: list[Finding] = field(default_factory=list)
    start_seconds: list[float] = field(default_factory=list)
    stop_seconds: list[float] = field(default_factory=list)
    late_ms: list[float] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        return self.faults_within(BOUND_MS[self.how])

    def faults_within(self, bound: float) -> list[str]:
        most_seconds = STOP_SECONDS + (bound - BOUND_MS[self.how]) / 1000
        late = [f"{finding.lost_ms:.0f} ms of text were lost" for finding in self.findings if finding.lost_ms > bound]
        slow = [f"{seconds:.1f} s to end" for seconds in self.stop_seconds if seconds > most_seconds]
        return [*late, *slow, *(fault for finding in self.findings for fault in finding.faults)]

    def lines(self) -> list[str]:
        """Returns a report for people to read."""
        losses = [finding.lost_ms for finding in self.findings]
        words = sum(finding.sent - finding.kept for finding in self.findings)
        lines = [
            f"{NAMES[self.how]}: {len(self.start_seconds)} rounds, {len(self.findings)} answers cut, "
            f"{sum(finding.sent for finding in self.findings)} words sent before the signals, {words} lost",
            f"  lost: {_spread(losses, 'ms')}; the promise is {BOUND_MS[self.how]:.0f} ms at most",
            f"  start to first 200: {_spread(self.start_seconds, 's')}",
        ]
        if self.stop_seconds:
            lines.append(f"  signal to end of all processes: {_spread(self.stop_seconds, 's')}")
        lines.append(f"  this machine kept processes waiting for: {_spread(self.late_ms, 'ms')}")
        return [*lines, f"  faults: {len(self.faults)}", *(f"    {fault}" for fault in self.faults)]


def _spread(values: Sequence[float], unit: str) -> str:
    if not values:
        return "not measured"
    shown = [f"{value:.0f} ms" if unit == "ms" else f"{value:.2f} s" for value in (median(values), max(values))]
    return f"median {shown[0]}, worst {shown[1]}"
