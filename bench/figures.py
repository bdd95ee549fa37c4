"""The measurements of benchmarks. Pure."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.verdict import drift, lateness

DIRECT, RELAY = "direct", "relay"


@dataclass(frozen=True)
class Heard:
    """The client's measurements of one run; pairs are the 50th and 95th percentile for first tokens, else the 50th and 99th.

    `then_ms` is the time to the first token of requests made while all other answers were being written. `steady_ms` covers the
    tokens that were sent when all answers had begun and none had ended.
    """

    expected: int
    received: int
    refused: int
    first_ms: tuple[float, float]
    then_ms: tuple[float, float]
    late_ms: tuple[float, float]
    steady_ms: tuple[float, float]
    lag_ms: float
    seconds: float

    @property
    def lost(self) -> int:
        return self.expected - self.received


@dataclass(frozen=True)
class Seen:
    """What the open pages have received so far; `silence` is the longest one of any page, in seconds."""

    seconds: float
    open: int
    turns: int
    closes: int
    refused: int
    lost: int
    beats: int
    silence: float
    lag_ms: float


@dataclass(frozen=True)
class Measured:
    """One run: how it was read (`direct` without a server in between), what the client measured, and the server's cost."""

    name: str
    heard: Heard
    cpu_seconds: float | None = None
    resident_mb: float | None = None

    @property
    def cpu_per_million(self) -> float | None:
        """CPU seconds per million tokens."""
        if self.cpu_seconds is None or not self.heard.received:
            return None
        return self.cpu_seconds / self.heard.received * 1_000_000

    @property
    def core(self) -> float | None:
        """The server's share of one core during the run, in percent."""
        return None if self.cpu_seconds is None else self.cpu_seconds / self.heard.seconds * 100

    def line(self) -> str:
        heard = self.heard
        cells = (
            str(heard.lost),
            str(heard.refused),
            _pair(heard.first_ms),
            _pair(heard.then_ms),
            _pair(heard.late_ms),
            _pair(heard.steady_ms),
            _number(self.cpu_per_million),
            _number(self.core),
            _number(self.resident_mb),
            f"{heard.lag_ms:.1f}",
        )
        return f"{self.name:<9}" + "".join(f" {cell:>{width}}" for cell, width in zip(cells, WIDTHS.values(), strict=True))


WIDTHS = {
    "lost": 6,
    "refused": 8,
    "first ms 50/95": 15,
    "then ms 50/95": 14,
    "late ms 50/99": 14,
    "steady ms 50/99": 16,
    "CPU s per 1M": 13,
    "% core": 7,
    "MB": 6,
    "lag ms": 7,
}
HEADING = " " * 9 + "".join(f" {name:>{width}}" for name, width in WIDTHS.items())


def percentile(values: Sequence[float], share: float) -> float:
    """Returns the smallest value that this share of all values does not exceed; 0 if there are none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)] if ordered else 0.0


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Returns the slope of the least-squares line through the points; 0 without two different x values."""
    if not points:
        return 0.0
    mean_x, mean_y = (sum(values) / len(points) for values in zip(*points, strict=True))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


def doubts(runs: Sequence[Measured]) -> list[str]:
    """Returns why these runs are unreliable, if so; the relay runs more than once, before and after the product."""
    floors = [cost for run in runs if run.name == RELAY and (cost := run.cpu_per_million)]
    found = dict.fromkeys(lateness(run.heard.lag_ms, run.name) for run in runs)
    return [doubt for doubt in (*found, drift(min(floors), max(floors)) if floors else "") if doubt]


@dataclass(frozen=True)
class Compared:
    """One run of the product, with the relay's runs before and after it, and the run without a server."""

    ours: Measured
    relays: Sequence[Measured]
    direct: Measured | None

    def cpu(self) -> float:
        """Returns the product's CPU per token as a multiple of the relay's."""
        floors = [relay.cpu_per_million or 0.0 for relay in self.relays]
        return (self.ours.cpu_per_million or 0.0) / (sum(floors) / len(floors))

    def late(self) -> float:
        """Returns how much the product adds to the lateness of tokens, at the 99th percentile."""
        return self._added(lambda heard: heard.late_ms)

    def steady(self) -> float:
        """Returns how much the product adds to the lateness of tokens sent when all answers had begun, at the 99th percentile."""
        return self._added(lambda heard: heard.steady_ms)

    def first(self) -> float:
        """Returns how much the product adds to the time to a first token among all other answers, at the 95th percentile."""
        return self._added(lambda heard: heard.then_ms)

    def opened(self) -> float:
        """Returns how much the product adds to the time to the first token of the crowd, at the 95th percentile."""
        return self._added(lambda heard: heard.first_ms)

    def lost(self) -> float:
        return self.ours.heard.lost

    def _added(self, times: Callable[[Heard], tuple[float, float]]) -> float:
        return times(self.ours.heard)[1] - (times(self.direct.heard)[1] if self.direct else 0.0)


def compared(runs: Sequence[Measured]) -> list[Compared]:
    """Returns every run of the product with its neighbours, in the order of the runs."""
    found = []
    for place, run in enumerate(runs):
        if run.name not in (DIRECT, RELAY):
            before, after = runs[place::-1], runs[place:]
            relays = [next(figure for figure in side if figure.name == RELAY) for side in (before, after)]
            found.append(Compared(run, relays, next((figure for figure in before if figure.name == DIRECT), None)))
    return found


def _pair(values: tuple[float, float]) -> str:
    return f"{values[0]:.0f} / {values[1]:.0f}" if any(values) else "-"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
