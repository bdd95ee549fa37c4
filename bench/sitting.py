"""Pages that stay open: the memory of a long chat, and whether streams last."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.figures import Seen, slope
from bench.load import Load, Sitting
from bench.servers import Product, model, product
from bench.verdict import Bar, Verdict, lateness
from webapp.base.config import ROOT

# How long an answer and what its pages share are cached: until then, memory has to grow.
SETTLED_SECONDS = 300.0
MOST_GROWTH_MB, LEAST_ROWS = 1.0, 5
# A heartbeat is sent after 15 seconds of silence.
MOST_SILENCE_SECONDS = 20.0
COLUMNS = ("s", "open", "turns", "closes", "refused", "lost", "beats", "silence s", "lag ms", "% core", "MB")
HEADING = " ".join(f"{name:>9}" for name in COLUMNS)


@dataclass(frozen=True)
class Row:
    """One moment: what the pages have received, and what the server has used."""

    seen: Seen
    cpu_seconds: float
    resident_mb: float

    def line(self, before: "Row | None") -> str:
        seen, core = self.seen, "-"
        if before and seen.seconds > before.seen.seconds:
            core = f"{(self.cpu_seconds - before.cpu_seconds) / (seen.seconds - before.seen.seconds) * 100:.0f}"
        whole = (seen.open, seen.turns, seen.closes, seen.refused, seen.lost, seen.beats)
        cells = (f"{seen.seconds:.0f}", *map(str, whole), f"{seen.silence:.1f}", f"{seen.lag_ms:.1f}", core)
        return " ".join(f"{cell:>9}" for cell in (*cells, f"{self.resident_mb:.1f}"))


def memory(sitting: Sitting, say: Callable[[str], None]) -> Verdict:
    """Measures the worker's memory in a long chat with turns that are watched; it should stay constant."""
    say(f"a chat of {sitting.fill} messages continues, a turn every {sitting.pace:g} s, on {sitting.watchers} open page")
    return flat(_sat(sitting, say))


def flat(rows: Sequence[Row]) -> Verdict:
    """Judges whether memory stays constant once the caches evict as much as they add."""
    judged = [(row.seen.turns, row.resident_mb) for row in rows[1:] if row.seen.seconds >= SETTLED_SECONDS]
    is_short = len(judged) < LEAST_ROWS
    words = f"growth of the worker in 100 turns, after {SETTLED_SECONDS:.0f} s"
    grows = Bar(words, slope(judged) * 100, MOST_GROWTH_MB, " MB", is_timed=is_short)
    return Verdict([grows, *_loss_bars(rows)], ["it was too short to measure growth"] if is_short else [])


def watchers(sitting: Sitting, say: Callable[[str], None]) -> Verdict:
    """Checks whether open pages stay connected, both of idle chats and of chats with new turns."""
    say(f"{sitting.watchers} pages of {sitting.chats} chats for {sitting.seconds:.0f} s, {sitting.busy} chats go on")
    rows = _sat(sitting, say)
    kb_per_page = (rows[1].resident_mb - rows[0].resident_mb) / sitting.watchers * 1000
    say(f"A waiting page takes {kb_per_page:.0f} KB of the worker, with what was loaded for the first.")
    late = lateness(max(row.seen.lag_ms for row in rows), "the sitting")
    silence = Bar("longest silence of a page", max(row.seen.silence for row in rows), MOST_SILENCE_SECONDS, " s", is_timed=True)
    return Verdict([*_loss_bars(rows), silence], [late] if late else [])


def _loss_bars(rows: Sequence[Row]) -> list[Bar]:
    last = rows[-1].seen
    counts = {"streams that ended": last.closes, "requests refused": last.refused, "tokens lost": last.lost}
    return [Bar(name, count, 0) for name, count in counts.items()]


def _sat(sitting: Sitting, say: Callable[[str], None]) -> list[Row]:
    """Runs the sitting and prints each row; the first row is from before any page was open."""
    rows: list[Row] = []
    say(HEADING)
    with _running(sitting) as installation:
        for seen in _measurements(installation.link, sitting):
            rows.append(Row(seen, installation.server.cpu_seconds(), installation.server.resident_mb()))
            say(rows[-1].line(rows[-2] if len(rows) > 2 else None))
    return rows


@contextmanager
def _running(sitting: Sitting) -> Iterator[Product]:
    load = Load(1, sitting.tokens, sitting.rate)
    with (
        TemporaryDirectory() as folder,
        model(Path(folder), load) as model_url,
        product(Path(folder), sitting.chats, model_url) as installation,
    ):
        yield installation


def _measurements(link: str, sitting: Sitting) -> Iterator[Seen]:
    words = [sys.executable, "-m", "bench.tabs", link, str(sitting)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            yield Seen(**json.loads(line))
    if process.returncode:
        raise RuntimeError("the open pages couldn't be watched")
