"""One answer on many pages over several workers: what a page that waits takes, and how late its text is."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from webapp.bench.browsing import Owner
from webapp.bench.figures import percentile
from webapp.bench.load import Load
from webapp.bench.reading import Lag, Reading
from webapp.bench.servers import model
from webapp.bench.team import Team, team
from webapp.bench.verdict import Bar, Verdict, lateness
from webapp.bench.visit import GRACE_SECONDS, OpenPage

LOAD = Load(1, 400, 50, within=0)
MOST_KB, MOST_LATE_MS = 60.0, 100.0
Say = Callable[[str], None]


def measure(workers: int, watchers: int, say: Say, *, load: Load = LOAD) -> Verdict:
    """Says what so many pages of one answer cost that are spread over so many workers."""
    say(f"{watchers} pages of one chat at {workers} workers, then an answer of {load.tokens} tokens at {load.rate:g} a second")
    with (
        TemporaryDirectory() as name,
        model(Path(name), load) as model_url,
        team(Path(name), watchers, model_url, workers=workers) as house,
    ):
        return asyncio.run(_watched(house, watchers, load))


async def _watched(house: Team, watchers: int, load: Load) -> Verdict:
    owner, host = Owner(house.link), house.hosts[0]
    await owner.come()
    # The first pages load what all need, at each worker.
    page = await OpenPage.of_new_chat(owner, "crowd")
    some = await page.again(20)
    before = host.resident_mb()
    pages = [page, *some, *await page.again(watchers - len(some) - 1)]
    waiting_kb = (host.resident_mb() - before) / (watchers - len(some) - 1) * 1000
    readings, used = [Reading(load.tokens) for _ in pages], host.cpu_seconds()
    async with Lag() as lag, asyncio.timeout(load.answer_seconds + GRACE_SECONDS):
        await asyncio.gather(*(each.ask(reading) for each, reading in zip(pages, readings, strict=True)))
    late = percentile([ms for reading in readings for _, ms in reading.late_ms], 0.99)
    spent, doubt = host.cpu_seconds() - used, lateness(lag.ms, "the answer")
    return Verdict(
        [
            Bar("tokens lost in all", sum(load.tokens - len(reading.seen) for reading in readings), 0),
            Bar("memory of a waiting page", waiting_kb, MOST_KB, " KB"),
            Bar("tokens late, p99", late, MOST_LATE_MS, " ms", is_timed=True),
            Bar("CPU of the workers for a page and an answer", spent / watchers * 1000, None, " ms"),
        ],
        [doubt] if doubt else [],
    )
