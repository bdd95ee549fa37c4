"""Compares one prompt streamed and not streamed: how long a person waits without text. `python -m bench.compare` is who waits."""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.browsing import Owner
from bench.figures import percentile
from bench.reading import Lag
from bench.servers import product
from bench.verdict import Bar, Verdict, lateness
from webapp.base.config import ROOT

QUESTION = "What is Millrace?"
MOST_SHARE, MOST_FIRST_MS = 0.1, 200.0


def measure(rounds: int, say: Callable[[str], None], *, question: str = QUESTION) -> Verdict:
    """Measures how long the demo model keeps its reader waiting, streamed and not streamed."""
    with TemporaryDirectory() as folder, product(Path(folder), 2) as installation:
        command = [sys.executable, "-m", "bench.compare", installation.link, question, str(rounds)]
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


# The streaming and the non-streaming endpoint of one compatibility API.
STREAMED, WHOLE = "/api/ai/chat/stream", "/api/ai/chat"
TEXT = b'"content"'


async def wait(link: str, question: str, rounds: int) -> dict[str, object]:
    """Returns the times to the first text and to the whole answer in milliseconds, alternately streamed and not streamed."""
    owner = Owner(link)
    await owner.come()
    waits: dict[str, list[tuple[float, float]]] = {STREAMED: [], WHOLE: []}
    async with Lag() as lag:
        for _ in range(rounds):
            for path, found in waits.items():
                found.append(await _waited(owner, path, question))
    return {"streamed": waits[STREAMED], "whole": waits[WHOLE], "lag_ms": lag.ms}


async def _waited(owner: Owner, path: str, question: str) -> tuple[float, float]:
    began, first, text = time.monotonic(), None, b""
    stream = await owner.ask(path, {"message": question})
    try:
        while piece := await stream.reader.read(65536):
            text += piece
            if first is None and TEXT in text:
                first = time.monotonic()
    finally:
        stream.writer.close()
    ended = time.monotonic()
    return ((first or ended) - began) * 1000, (ended - began) * 1000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("link")
    parser.add_argument("question")
    parser.add_argument("rounds", type=int)
    chosen = parser.parse_args()
    sys.stdout.write(json.dumps(asyncio.run(wait(chosen.link, chosen.question, chosen.rounds))))


if __name__ == "__main__":
    main()
