"""Many concurrent answers: what the product costs compared to a relay that stores, checks and renders nothing."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from statistics import median
from subprocess import PIPE
from tempfile import TemporaryDirectory
from urllib.parse import quote

from bench.alone import ALONE
from bench.figures import DIRECT, HEADING, RELAY, Heard, Measured, compared, doubts
from bench.load import Load
from bench.servers import CONFIG, HERE, NO_SETTINGS, Checkout, Product, Server, model, product, relay
from bench.stages import FILE, shares
from bench.table import CROWDS, LINES, ways
from bench.verdict import Bar, Verdict
from webapp.base.config import ROOT

Inspect = Callable[[Product], None]
Around = Callable[[], AbstractContextManager[None]]
Samples = dict[str, Counter[str]]
NAMES = tuple(line.name for line in (*LINES, *ALONE))
SAMPLED = "python:bench.sampled"
LEGEND = """\
first: from asking to the first token; then: the same for those who come later, with their page open
late: from the stamp in a token to its arrival; steady: the same when all have begun and none has ended
lag: the client's own, 99th percentile
"""


@dataclass
class Report:
    """All measurements, to be printed or saved."""

    load_average: tuple[float, float, float] = field(default_factory=os.getloadavg)
    cores: int | None = field(default_factory=os.cpu_count)
    runs: dict[str, list[Measured]] = field(default_factory=dict)
    samples: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    bars: dict[str, Bar] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        runs = [run for made in self.runs.values() for run in made]
        floors = [run.cpu_per_million for run in runs if run.name == RELAY and run.cpu_per_million]
        told = [Bar("the relay, CPU for a million tokens", median(floors), None, " s")] if floors else []
        return Verdict([*told, *self.bars.values(), *loss_bars(runs)], self.doubts)


def measure(names: Sequence[str], rounds: int, say: Callable[[str], None], *, is_profiled: bool = False) -> Report:
    """Measures the cost of answers and how late their tokens are, in several rounds, for these lines or all."""
    report, lines = Report(), [line for line in LINES if not names or line.name in names]
    say(f"Load average of this machine: {report.load_average[0]:.1f} on {report.cores} cores.\n{LEGEND}{HEADING}")
    for crowd, kinds in ways(lines).items():
        say(f"{crowd}: {CROWDS[crowd]}")
        samples: Samples = {}
        runs = report.runs[crowd] = measured(CROWDS[crowd], kinds, say, rounds=rounds, samples=samples if is_profiled else None)
        report.bars |= {line.name: line.bar(compared(runs)) for line in lines if line.crowd == crowd}
        report.doubts += [f"{doubt} ({crowd})" for doubt in doubts(runs)]
        if samples:
            report.samples[crowd] = {way: dict(counts) for way, counts in samples.items()}
            say("\n".join(shares(samples)))
    report.bars |= {measure.name: measure.bar(rounds) for measure in ALONE if not names or measure.name in names}
    return report


def measured(
    load: Load,
    kinds: Sequence[str],
    say: Callable[[str], None],
    *,
    rounds: int = 1,
    inspect: Inspect = lambda _: None,
    settings: Mapping[str, int | str] = NO_SETTINGS,
    samples: Samples | None = None,
    checkout: Checkout = HERE,
) -> list[Measured]:
    """Runs one server at a time: in each round the relay, then the product per way of reading; at the end the relay again.

    `inspect` is called with each product while it still runs; if `samples` are given, its worker is profiled into them.
    """
    with TemporaryDirectory() as name, model(Path(name), load) as model_url:
        folder = Path(name)

        def one(kind: str) -> Measured:
            if kind in (DIRECT, RELAY):
                return of_others(kind, folder, model_url, load)
            config = CONFIG if samples is None else SAMPLED
            with product(folder, load.people, model_url, settings, config=config, checkout=checkout) as installation:
                around = nullcontext if samples is None else partial(_sampling, installation, samples.setdefault(kind, Counter()))
                run = visited(kind, installation.link, load, installation.server, around)
                inspect(installation)
            return run

        return list(_report_each((one(kind) for kind in (*(RELAY, *kinds) * rounds, RELAY)), say))


def loss_bars(runs: Sequence[Measured], in_vain: int = 0) -> list[Bar]:
    """Returns bounds: no token of an expected answer is missing, and only requests made in vain were refused."""
    ours = [run.heard for run in runs if run.name not in (DIRECT, RELAY)]
    lost, refused = sum(heard.lost for heard in ours), sum(abs(heard.refused - in_vain) for heard in ours)
    return [Bar("tokens lost in all", lost, 0), Bar("refused or served wrongly in all", refused, 0)]


def visited(kind: str, url: str, load: Load, server: Server | None = None, around: Around = nullcontext) -> Measured:
    """Measures one run: without the preparation before it, but with the work that remains after the last token."""
    words = [sys.executable, "-m", "bench.visit", kind, url, str(load)]
    with subprocess.Popen(words, cwd=ROOT, stdin=PIPE, stdout=PIPE, text=True) as visitor:
        lines = iter(visitor.stdout or ())
        next(lines, "")
        with around():
            before = server.cpu_seconds() if server else 0.0
            _begin(visitor)
            line = next(lines, "")
            cost = (server.cpu_at_rest() - before, server.resident_mb()) if server else ()
    if visitor.returncode:
        raise RuntimeError(f"{kind} couldn't be measured")
    return Measured(kind, Heard(**json.loads(line)), *cost)


def _begin(visitor: "subprocess.Popen[str]") -> None:
    if visitor.stdin:
        visitor.stdin.write("begin\n")
        visitor.stdin.flush()


def through(relay_url: str, model_url: str) -> str:
    """Returns the URL at which the relay forwards the model's answer."""
    return f"{relay_url}?upstream={quote(_completions(model_url), safe='')}"


def _completions(model_url: str) -> str:
    return f"{model_url}/chat/completions"


def of_others(kind: str, folder: Path, model_url: str, load: Load) -> Measured:
    """Measures a run without any server, or with the relay."""
    # Only the product rejects requests.
    floor = replace(load, in_vain=0)
    if kind == DIRECT:
        return visited(kind, _completions(model_url), floor)
    with relay(folder) as (server, url):
        return visited(kind, through(url, model_url), floor, server)


def _report_each(runs: Iterable[Measured], say: Callable[[str], None]) -> Iterator[Measured]:
    for run in runs:
        say(run.line())
        yield run


@contextmanager
def _sampling(installation: Product, counts: Counter[str]) -> Iterator[None]:
    """Adds the samples of the worker during the block to `counts`, by stage."""
    _samples(installation)
    yield
    counts.update(_samples(installation))


def _samples(installation: Product) -> dict[str, int]:
    found: dict[str, int] = json.loads(installation.told(FILE))
    return found
