"""Compares one worker on SQLite with several on PostgreSQL and Redis: the cost of answers, and how late tokens are."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.figures import DIRECT, HEADING, Measured
from bench.load import Load
from bench.servers import model, product
from bench.stream import loss_bars, of_others, visited
from bench.table import CROWDS
from bench.team import Team, team
from bench.verdict import Bar, Verdict, lateness

LOAD = CROWDS["200"]
WAYS = {"api": "API", "later": "open pages"}
MOST_CPU, MOST_ADDED_MS = 1.5, 150.0
Say = Callable[[str], None]


@dataclass(frozen=True)
class Step:
    """One round of one way of reading: without a server, by one worker, by several; and the CPU of Redis and PostgreSQL."""

    direct: Measured
    one: Measured
    several: Measured
    redis_seconds: float
    postgres_seconds: float

    def bars(self) -> dict[str, float]:
        cost, received = self.several.cpu_per_million or 0.0, max(1, self.several.heard.received)
        return {
            "CPU of the workers for a token, in that of one worker on SQLite": cost / (self.one.cpu_per_million or 1.0),
            "tokens later than without a server, p99": self.several.heard.late_ms[1] - self.direct.heard.late_ms[1],
            "the same with one worker on SQLite": self.one.heard.late_ms[1] - self.direct.heard.late_ms[1],
            "CPU of Redis for a million tokens": self.redis_seconds / received * 1_000_000,
            "CPU of PostgreSQL for a million tokens": self.postgres_seconds / received * 1_000_000,
        }


BOUNDS: dict[str, tuple[float | None, str]] = {
    "CPU of the workers": (MOST_CPU, ""),
    "tokens later": (MOST_ADDED_MS, " ms"),
    "the same": (None, " ms"),
    "CPU of": (None, " s"),
}


def measure(workers: int, rounds: int, say: Say, *, load: Load = LOAD, ways: Sequence[str] = tuple(WAYS)) -> Verdict:
    """Measures the cost of answers by several workers, compared to one worker in the same run."""
    say(f"Load average of this machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores. {load}\n{HEADING}")
    with TemporaryDirectory() as name, model(Path(name), load) as model_url:
        steps = {way: [_step(Path(name), model_url, load, way, workers, say) for _ in range(rounds)] for way in ways}
    bars = [bar for way, made in steps.items() for bar in _bars(WAYS[way], made)]
    ours = [run for made in steps.values() for step in made for run in (step.one, step.several)]
    late = [doubt for run in ours if (doubt := lateness(run.heard.lag_ms, run.name))]
    return Verdict([*loss_bars(ours), *bars], late)


def _bars(way: str, steps: Sequence[Step]) -> list[Bar]:
    found = [step.bars() for step in steps]
    return [_bar(way, words, median(each[words] for each in found)) for words in found[0]]


def _bar(way: str, words: str, value: float) -> Bar:
    most, unit = next(bound for begin, bound in BOUNDS.items() if words.startswith(begin))
    return Bar(f"{way}: {words}", value, most, unit, is_timed=True)


def _step(folder: Path, model_url: str, load: Load, way: str, workers: int, say: Say) -> Step:
    direct = of_others(DIRECT, folder, model_url, load)
    with product(folder, load.people, model_url, {"models.titles": "off"}) as installation:
        one = replace(visited(way, installation.link, load, installation.server), name=f"1 {way}")
    with TemporaryDirectory(dir=folder) as fresh, team(Path(fresh), load.people, model_url, workers=workers) as several:
        made, beside = _visited(several, way, load)
    for run in (direct, one, made := replace(made, name=f"{workers} {way}")):
        say(run.line())
    return Step(direct, one, made, *beside)


def _visited(several: Team, way: str, load: Load) -> tuple[Measured, tuple[float, float]]:
    before = several.cpu_beside()
    run = visited(way, several.link, load, several.hosts[0])
    after = several.cpu_beside()
    return run, (after[0] - before[0], after[1] - before[1])
