"""Many answers at once: what the product adds to a relay that stores, checks and renders nothing."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from webapp.bench.figures import HEADING, Heard, Measured, added_ms, added_then_ms, doubts, ratios
from webapp.bench.load import Load
from webapp.bench.servers import NO_SETTINGS, Product, Server, model, product, relay
from webapp.bench.verdict import Bar, Verdict
from webapp.config import ROOT

# What is measured, and how it is visited.
WAYS = {"Millrace pages": "pages", "Millrace API": "api"}
MOST_FIRST_MS = 50.0
Look = Callable[[Product], None]


def measure(load: Load, say: Callable[[str], None]) -> Verdict:
    """Says what answers cost, and how late their tokens are."""
    begun = f"begun within {load.within:g} s, one watcher each; {load.later} more while these are written"
    say(f"{load.answers} answers of {load.tokens} tokens at {load.rate:g} a second, {begun}")
    runs = measured(load, WAYS, say)
    then = {name: added_then_ms(runs, name) for name in WAYS}
    for name, (p50, p95) in then.items():
        say(f"{name}: amid {load.answers} answers the first token is {p50:.0f} ms (p50), {p95:.0f} ms (p95) later than without.")
    bars = [Bar(f"{name}, first token, p95, added", ms[1], MOST_FIRST_MS, " ms", is_timed=True) for name, ms in then.items()]
    return Verdict([*unbroken(runs), *bars], doubts(runs))


def measured(
    load: Load,
    ways: Mapping[str, str],
    say: Callable[[str], None],
    *,
    look: Look = lambda _: None,
    settings: Mapping[str, int] = NO_SETTINGS,
) -> list[Measured]:
    """One server up at a time: none, the relay, the product for each way of watching, and the relay again.

    `look` is taken at the product while it is still there.
    """
    say(HEADING)
    runs: list[Measured] = []
    with TemporaryDirectory() as folder, model(Path(folder), load) as model_url:
        for run in _runs(Path(folder), model_url, load, ways, look, settings):
            say(run.line())
            runs.append(run)
    _explain(runs, say)
    return runs


def unbroken(runs: list[Measured], in_vain: int = 0) -> list[Bar]:
    """That every token has come of those who were to be answered, and that nobody was refused but those in vain."""
    ours = [run for run in runs if run.name.startswith("Millrace")]
    lost = [Bar(f"{run.name}, tokens lost", run.heard.expected - run.heard.received, 0) for run in ours]
    return lost + [Bar(f"{run.name}, refused or served wrongly", abs(run.heard.refused - in_vain), 0) for run in ours]


def _runs(
    folder: Path, model_url: str, load: Load, ways: Mapping[str, str], look: Look, settings: Mapping[str, int]
) -> Iterator[Measured]:
    # Those who ask in vain are refused by the product alone.
    completions, floor = f"{model_url}/chat/completions", replace(load, in_vain=0)
    yield Measured("no server", _visit("relay", completions, floor))
    yield _relayed("relay", folder, completions, floor)
    for name, kind in ways.items():
        with product(folder, load.people, model_url, settings) as house:
            yield _measured(name, house.server, kind, house.link, load)
            look(house)
    yield _relayed("relay again", folder, completions, floor)


def _relayed(name: str, folder: Path, completions: str, load: Load) -> Measured:
    with relay(folder) as (server, url):
        return _measured(name, server, "relay", f"{url}?upstream={quote(completions, safe='')}", load)


def _measured(name: str, server: Server, kind: str, url: str, load: Load) -> Measured:
    before = server.cpu_seconds()
    heard = _visit(kind, url, load)
    return Measured(name, heard, server.cpu_seconds() - before, server.resident_mb())


def _visit(kind: str, url: str, load: Load) -> Heard:
    command = [sys.executable, "-m", "webapp.bench.visit", kind, url, str(load)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return Heard(**json.loads(done.stdout))


def _explain(runs: list[Measured], say: Callable[[str], None]) -> None:
    say("first: from asking to the first token; then: the same for those who come later, with their page open")
    say("late: from the stamp in a token to its arrival; lag: the client's own, p99")
    for name, times in ratios(runs).items():
        added = added_ms(runs, name)
        say(f"{name}: a token takes {times:.2f} times the CPU of the relay, and the slowest hundredth is {added:.0f} ms later.")
