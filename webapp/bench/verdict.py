"""What a run means, and whether it may be believed. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

# Above this the client was too busy itself to say how late a server is.
MOST_CLIENT_LAG_MS = 5.0
# Two runs of the same that differ by more say that the machine was not the same for both.
MOST_DRIFT = 0.20
# How a process says that it has measured, and that what it found is too much.
OUT_OF_BOUNDS = 3


@dataclass(frozen=True)
class Bar:
    """A bound that stood before the run, if there is one, and what the run found.

    `is_timed` when a restless machine can be the reason.
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
            return f"{'is told':<14} {self.words}: {_short(self.found)}{self.unit}"
        says = "holds" if self.holds else "does not hold"
        return f"{says:<14} {self.words}: {_short(self.found)}{self.unit} (at most {_short(self.most)}{self.unit})"


@dataclass(frozen=True)
class Verdict:
    """What a run means, and why its times do not count, if so."""

    bars: Sequence[Bar]
    doubts: Sequence[str] = ()

    @property
    def is_good(self) -> bool:
        """Whether everything holds that the run can tell."""
        return all(bar.holds or (bar.is_timed and self.doubts) for bar in self.bars)

    def lines(self) -> list[str]:
        return [bar.line() for bar in self.bars] + [f"These times are unreliable: {doubt}." for doubt in self.doubts]


def drift(one: float, other: float) -> str:
    """Why two measurements of the same say that the machine was restless, or nothing."""
    low, high = sorted((one, other))
    return f"two runs of the same differ by {high / low - 1:.0%} in CPU" if low and high > low * (1 + MOST_DRIFT) else ""


def lateness(lag_ms: float, name: str) -> str:
    """Why the measuring process was too busy to be believed, or nothing."""
    return f"the client's own lag was {lag_ms:.1f} ms (p99) during {name}" if lag_ms > MOST_CLIENT_LAG_MS else ""


def _short(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if abs(value) < 100 else f"{value:.0f}"
