"""What the bench has measured. Pure."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from webapp.bench.verdict import drift, lateness


@dataclass(frozen=True)
class Heard:
    """What the client says of one run, by the 50th and 95th percentile for first tokens, by the 50th and 99th for all.

    `then_ms` is the time to the first token for those who asked while all the others had theirs.
    """

    expected: int
    received: int
    refused: int
    first_ms: tuple[float, float]
    then_ms: tuple[float, float]
    late_ms: tuple[float, float]
    lag_ms: float
    seconds: float

    def as_json(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True)
class Seen:
    """What the open pages have seen until a moment; the longest silence of one of them is in seconds."""

    seconds: float
    open: int
    turns: int
    closes: int
    refused: int
    lost: int
    beats: int
    silence: float
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

    @property
    def core(self) -> float | None:
        """The share of one core that the server took while it was asked, in percent."""
        return None if self.cpu_seconds is None else self.cpu_seconds / self.heard.seconds * 100

    def line(self) -> str:
        heard = self.heard
        cells = (
            str(heard.expected - heard.received),
            str(heard.refused),
            _pair(heard.first_ms),
            _pair(heard.then_ms),
            _pair(heard.late_ms),
            _number(self.cpu_per_million),
            _number(self.core),
            _number(self.resident_mb),
            f"{heard.lag_ms:.1f}",
        )
        return f"{self.name:<15}" + "".join(f" {cell:>{width}}" for cell, width in zip(cells, WIDTHS.values(), strict=True))


WIDTHS = {
    "lost": 6,
    "refused": 8,
    "first ms 50/95": 15,
    "then ms 50/95": 14,
    "late ms 50/99": 15,
    "CPU s per 1M": 13,
    "% core": 7,
    "MB": 6,
    "lag ms": 7,
}
HEADING = " " * 15 + "".join(f" {name:>{width}}" for name, width in WIDTHS.items())


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that this share of all values does not exceed; 0 when there are none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)] if ordered else 0.0


def slope(points: Sequence[tuple[float, float]]) -> float:
    """How much the second of a pair grows with the first, by the line that lies closest to all; 0 without two places."""
    if not points:
        return 0.0
    mean_x, mean_y = (sum(values) / len(points) for values in zip(*points, strict=True))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


def doubts(runs: Sequence[Measured]) -> list[str]:
    """Why these runs say nothing about the servers, if so; the relay runs twice, before and after the product."""
    floors = [cost for run in runs if run.name.startswith("relay") and (cost := run.cpu_per_million)]
    found = [lateness(run.heard.lag_ms, run.name) for run in runs]
    return [doubt for doubt in (*found, drift(*floors) if len(floors) == 2 else "") if doubt]


def ratios(runs: Sequence[Measured]) -> dict[str, float]:
    """The product's CPU per token in relays, for each way to watch it."""
    floors = [cost for run in runs if run.name.startswith("relay") and (cost := run.cpu_per_million)]
    ours = {run.name: cost for run in runs if run.name.startswith("Millrace") and (cost := run.cpu_per_million)}
    return {name: cost / (sum(floors) / len(floors)) for name, cost in ours.items()} if floors else {}


def added_ms(runs: Sequence[Measured], name: str) -> float:
    """How much later than without any server the slowest hundredth of its tokens is."""
    late = {run.name: run.heard.late_ms[1] for run in runs}
    return late[name] - late.get("no server", 0.0)


def added_then_ms(runs: Sequence[Measured], name: str) -> tuple[float, float]:
    """How much later than without any server the first token is in the midst of all others: the 50th, the 95th percentile."""
    then = {run.name: run.heard.then_ms for run in runs}
    floor = then.get("no server", (0.0, 0.0))
    return then[name][0] - floor[0], then[name][1] - floor[1]


def _pair(values: tuple[float, float]) -> str:
    return f"{values[0]:.0f} / {values[1]:.0f}" if any(values) else "-"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
