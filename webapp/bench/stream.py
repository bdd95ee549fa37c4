"""Many answers at once: what the product adds to a relay that stores, checks and renders nothing."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from webapp.bench.figures import HEADING, Heard, Measured, added_ms, doubts, ratios
from webapp.bench.servers import Server, model, product, relay
from webapp.config import ROOT


@dataclass(frozen=True)
class Load:
    """How many answers, how long, and how fast."""

    answers: int
    tokens: int
    rate: float


def measure(load: Load, say: Callable[[str], None]) -> bool:
    """One server up at a time: none, the relay, the product for pages, then for programs, and the relay again.

    Says whether nothing was lost.
    """
    say(f"{load.answers} answers of {load.tokens} tokens at {load.rate:g} a second, one watcher each, in one process")
    say(HEADING)
    runs: list[Measured] = []
    with TemporaryDirectory() as folder, model(Path(folder), load.tokens, load.rate) as model_url:
        for run in _runs(Path(folder), model_url, load):
            say(run.line())
            runs.append(run)
    _conclude(runs, say)
    return all(run.heard.received == run.heard.expected for run in runs)


def _runs(folder: Path, model_url: str, load: Load) -> Iterator[Measured]:
    completions = f"{model_url}/chat/completions"
    yield Measured("no server", _visit("relay", completions, load))
    yield _relayed("relay", folder, completions, load)
    for name, kind in (("pages", "pages"), ("API", "api")):
        with product(folder, model_url, load.answers) as (server, link):
            yield _measured(f"Millrace {name}", server, kind, link, load)
    yield _relayed("relay again", folder, completions, load)


def _relayed(name: str, folder: Path, completions: str, load: Load) -> Measured:
    with relay(folder) as (server, url):
        return _measured(name, server, "relay", f"{url}?upstream={quote(completions, safe='')}", load)


def _measured(name: str, server: Server, kind: str, url: str, load: Load) -> Measured:
    before = server.cpu_seconds()
    heard = _visit(kind, url, load)
    return Measured(name, heard, server.cpu_seconds() - before, server.resident_mb())


def _visit(kind: str, url: str, load: Load) -> Heard:
    numbers = ["--answers", str(load.answers), "--tokens", str(load.tokens), "--rate", str(load.rate)]
    command = [sys.executable, "-m", "webapp.bench.visit", kind, url, *numbers]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return Heard(**json.loads(done.stdout))


def _conclude(runs: list[Measured], say: Callable[[str], None]) -> None:
    say("first: from sending to the first token; late: from the stamp in a token to its arrival; lag: the client's own, p99")
    for name, times in ratios(runs).items():
        added = added_ms(runs, name)
        say(f"{name}: a token takes {times:.2f} times the CPU of the relay, and the slowest hundredth is {added:.0f} ms later.")
    for doubt in doubts(runs):
        say(f"These figures do not count: {doubt}.")
