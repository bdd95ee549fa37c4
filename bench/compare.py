"""Compares one prompt on one model, streamed and not streamed: how long a person waits without seeing any text."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.figures import percentile
from bench.servers import product
from bench.verdict import Bar, Verdict, lateness
from webapp.base.config import ROOT

QUESTION = "What is Millrace?"
MOST_SHARE, MOST_FIRST_MS = 0.1, 200.0


def measure(rounds: int, say: Callable[[str], None], *, question: str = QUESTION) -> Verdict:
    """Measures how long the demo model keeps its reader waiting, streamed and not streamed."""
    with TemporaryDirectory() as folder, product(Path(folder), 2) as installation:
        command = [sys.executable, "-m", "bench.waiting", installation.link, question, str(rounds)]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    figures = json.loads(done.stdout)
    say(f"“{question}” asked {rounds} times of the demo model, by turns; medians in ms")
    say(f"{'':<14} {'first text':>12} {'whole answer':>14}")
    for name, key in (("streamed", "streamed"), ("not streamed", "whole")):
        first, whole = (median(column) for column in zip(*figures[key], strict=True))
        say(f"{name:<14} {first:>12.0f} {whole:>14.0f}")
    shares = [first / whole for first, whole in figures["streamed"]]
    firsts = [first for first, _ in figures["streamed"]]
    bars = [
        Bar("the first text's share of the whole time, streamed", median(shares), MOST_SHARE, is_timed=True),
        Bar("first text of the demo, p95", percentile(firsts, 0.95), MOST_FIRST_MS, " ms", is_timed=True),
    ]
    doubt = lateness(figures["lag_ms"], "the waiting")
    return Verdict(bars, [doubt] if doubt else [])
