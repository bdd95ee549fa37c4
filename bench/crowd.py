"""One answer on many pages across several workers: the memory of a waiting page, and how late its text is."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import PIPE
from tempfile import TemporaryDirectory

from bench.load import Load
from bench.onlookers import FIRST, Crowded
from bench.servers import CONFIG, Server, model
from bench.team import team
from bench.verdict import Bar, Verdict, lateness
from webapp.base.config import ROOT

LOAD = Load(1, 400, 50, within=0)
MOST_KB, MOST_LATE_MS = 60.0, 100.0
Say = Callable[[str], None]


def measure(workers: int, watchers: int, say: Say, *, load: Load = LOAD, config: str = CONFIG) -> Verdict:
    """Measures the cost of this many pages of one answer, spread over several workers."""
    say(f"{watchers} pages of one chat at {workers} workers, then an answer of {load.tokens} tokens at {load.rate:g} a second")
    with (
        TemporaryDirectory() as name,
        model(Path(name), load) as model_url,
        team(Path(name), watchers, model_url, workers=workers, config=config) as workers_running,
    ):
        words = [sys.executable, "-m", "bench.onlookers", workers_running.link, str(load), str(watchers)]
        with subprocess.Popen(words, cwd=ROOT, stdin=PIPE, stdout=PIPE, text=True) as onlookers:
            bars, seen = _watched(onlookers, workers_running.hosts[0], watchers)
    doubt = lateness(seen.lag_ms, "the answer")
    return Verdict(bars, [doubt] if doubt else [])


def _watched(onlookers: "subprocess.Popen[str]", host: Server, watchers: int) -> tuple[list[Bar], Crowded]:
    output = iter(onlookers.stdout or ())
    some_mb = _measure_when_ready(output, onlookers, host.resident_mb)
    all_mb = _measure_when_ready(output, onlookers, host.resident_mb)
    used = host.cpu_seconds()
    seen = Crowded(**json.loads(next(output, "{}")))
    spent = host.cpu_seconds() - used
    _continue(onlookers)
    return [
        Bar("tokens lost in all", seen.lost, 0),
        Bar("memory of a waiting page", (all_mb - some_mb) / max(1, watchers - FIRST) * 1000, MOST_KB, " KB"),
        Bar("tokens late, p99", seen.late_ms[1], MOST_LATE_MS, " ms", is_timed=True),
        Bar("tokens late, p50", seen.late_ms[0], None, " ms"),
        Bar("first text of a page, p99", seen.first_ms[1], None, " ms"),
        Bar("CPU of the workers for a page and an answer", spent / watchers * 1000, None, " ms"),
    ], seen


def _measure_when_ready(output: Iterator[str], onlookers: "subprocess.Popen[str]", measurement: Callable[[], float]) -> float:
    """Takes a measurement when the other process prints a line, and lets it continue."""
    next(output, "")
    found = measurement()
    _continue(onlookers)
    return found


def _continue(onlookers: "subprocess.Popen[str]") -> None:
    if onlookers.stdin:
        onlookers.stdin.write("go on\n")
        onlookers.stdin.flush()
