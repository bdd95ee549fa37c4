"""The result of a run, and whether it is reliable. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

# Above this lag, the client itself was too busy to measure how late a server is.
MOST_CLIENT_LAG_MS = 5.0
# If two equal runs differ by more, the machine's other load has changed in between.
MOST_DRIFT = 0.20
# The exit code of a process that has measured a result out of bounds.
OUT_OF_BOUNDS = 3


@dataclass(frozen=True)
class Bar:
    """A bound that was fixed before the run, if there is one, and the measured value.

    `is_timed` means that other load on the machine can be the cause.
    """

    words: str
    found: float
    most: float | None
    unit: str = ""
    is_timed: bool = False

    @property
    def holds(self) -> bool:
        return self.most is None or self.found <= self.most

    def line(self) -> str:
        if self.most is None:
            return f"{'is told':<14} {self.words}: {short(self.found)}{self.unit}"
        says = "holds" if self.holds else "does not hold"
        return f"{says:<14} {self.words}: {short(self.found)}{self.unit} (at most {short(self.most)}{self.unit})"


@dataclass(frozen=True)
class Verdict:
    """The result of a run, and why its times are unreliable, if so."""

    bars: Sequence[Bar]
    doubts: Sequence[str] = ()

    @property
    def is_good(self) -> bool:
        """Whether all bounds hold, except timed ones of an unreliable run."""
        return all(bar.holds or (bar.is_timed and self.doubts) for bar in self.bars)

    def lines(self) -> list[str]:
        return [bar.line() for bar in self.bars] + [f"These times are unreliable: {doubt}." for doubt in self.doubts]


def drift(one: float, other: float) -> str:
    """Returns why two equal measurements show other load on the machine, or an empty string."""
    low, high = sorted((one, other))
    return f"two runs of the same differ by {high / low - 1:.0%} in CPU" if low and high > low * (1 + MOST_DRIFT) else ""


def lateness(lag_ms: float, name: str) -> str:
    """Returns why the measuring process was too busy to be reliable, or an empty string."""
    return f"the client's own lag was {lag_ms:.1f} ms (p99) during {name}" if lag_ms > MOST_CLIENT_LAG_MS else ""


def short(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if abs(value) < 100 else f"{value:.0f}"
