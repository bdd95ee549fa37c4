"""What the bench has measured, and whether it may be believed. Pure."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

# Above this the client was too busy itself to say how late a server is.
MOST_CLIENT_LAG_MS = 5.0
# Two runs of the same relay that differ by more say that the machine was not the same for both.
MOST_DRIFT = 0.20
# How a process says that it has measured, and that what it found is too much.
OUT_OF_BOUNDS = 3


@dataclass(frozen=True)
class Heard:
    """What the client says of one run."""

    expected: int
    received: int
    refused: int
    first_ms: tuple[float, float]
    late_ms: tuple[float, float]
    lag_ms: float

    def as_json(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True)
class Measured:
    """One run: what was heard, and what it cost the server, if there was one."""

    name: str
    heard: Heard
    cpu_seconds: float | None = None
    resident_mb: float | None = None

    @property
    def cpu_per_million(self) -> float | None:
        """CPU seconds for a million tokens."""
        if self.cpu_seconds is None or not self.heard.received:
            return None
        return self.cpu_seconds / self.heard.received * 1_000_000

    def line(self) -> str:
        heard = self.heard
        cells = (
            str(heard.expected - heard.received),
            str(heard.refused),
            _pair(heard.first_ms),
            _pair(heard.late_ms),
            _number(self.cpu_per_million),
            _number(self.resident_mb),
            f"{heard.lag_ms:.1f}",
        )
        return f"{self.name:<15}" + "".join(f" {cell:>{width}}" for cell, width in zip(cells, WIDTHS.values(), strict=True))


WIDTHS = {"lost": 6, "refused": 8, "first ms 50/99": 15, "late ms 50/99": 15, "CPU s per 1M": 13, "MB": 8, "lag ms": 8}
HEADING = " " * 15 + "".join(f" {name:>{width}}" for name, width in WIDTHS.items())


def spread(values: Sequence[float]) -> tuple[float, float]:
    """The 50th and the 99th percentile."""
    return percentile(values, 0.5), percentile(values, 0.99)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that this share of all values does not exceed; 0 when there are none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)] if ordered else 0.0


def doubts(runs: Sequence[Measured]) -> list[str]:
    """Why these runs say nothing about the servers, if so; the relay runs twice, before and after the product."""
    found = [
        f"the client's own lag was {run.heard.lag_ms:.1f} ms (p99) during {run.name}"
        for run in runs
        if run.heard.lag_ms > MOST_CLIENT_LAG_MS
    ]
    floors = [cost for run in runs if run.name.startswith("relay") and (cost := run.cpu_per_million)]
    if len(floors) == 2 and max(floors) > min(floors) * (1 + MOST_DRIFT):
        found.append(f"the two relay runs differ by {max(floors) / min(floors) - 1:.0%} in CPU")
    return found


def ratios(runs: Sequence[Measured]) -> dict[str, float]:
    """The product's CPU per token in relays, for each way to watch it."""
    floors = [cost for run in runs if run.name.startswith("relay") and (cost := run.cpu_per_million)]
    ours = {run.name: cost for run in runs if run.name.startswith("Millrace") and (cost := run.cpu_per_million)}
    return {name: cost / (sum(floors) / len(floors)) for name, cost in ours.items()} if floors else {}


def added_ms(runs: Sequence[Measured], name: str) -> float:
    """How much later than without any server the slowest hundredth of its tokens is."""
    late = {run.name: run.heard.late_ms[1] for run in runs}
    return late[name] - late.get("no server", 0.0)


def _pair(values: tuple[float, float]) -> str:
    return f"{values[0]:.0f} / {values[1]:.0f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
