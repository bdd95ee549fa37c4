"""Kills and freezes random workers during answers: how soon others continue them, and how much text is lost."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Literal

from bench.browsing import Owner
from bench.figures import percentile
from bench.lasting import LastingPage
from bench.load import Load
from bench.reading import TOKEN
from bench.servers import model
from bench.team import Team, team
from bench.verdict import Bar, Verdict

How = Literal["kill", "freeze", "hang"]
WORKERS, HOSTS, ANSWERS = 2, 2, 4
LOAD = Load(ANSWERS, 150, 50, within=0)
# A worker frozen for less than its lease continues by itself; one that hangs for longer is replaced.
FREEZE_SECONDS, HANG_SECONDS = (0.2, 4.0), 45.0
MOST_LOST_MS, SETTLED_SECONDS = 280.0, 120.0
MOST_SECONDS: dict[How, float] = {"kill": 10, "freeze": 10, "hang": 40}
NEWEST = "SELECT status, reason, text_offset, extract(epoch FROM created_at) FROM generations WHERE lane = %s ORDER BY id"
TEXT = "SELECT content FROM messages WHERE chat_id = %s AND role = 'assistant' ORDER BY id DESC LIMIT 1"
RUNNING = "SELECT count(*) FROM generations WHERE status IN ('queued', 'running')"
JOURNALLED = "SELECT count(*) FROM generation_journal"
Say = Callable[[str], None]


@dataclass
class Found:
    """The results of all rounds; times are in seconds from the fault to the generation that continues."""

    faults: dict[How, int] = field(default_factory=lambda: dict.fromkeys(MOST_SECONDS, 0))
    back: dict[How, list[float]] = field(default_factory=lambda: {how: [] for how in MOST_SECONDS})
    lost_ms: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    pages: int = 0
    reconnects: int = 0


@dataclass(frozen=True)
class Watched:
    """An answer, with an open page at every host."""

    chat: str
    pages: Sequence[LastingPage]


def measure(kills: int, freezes: int, hangs: int, seed: int, say: Say) -> Verdict:
    """Measures the cost of kills and freezes; each round hits one worker of every host."""
    chance, found = random.Random(seed), Found()
    rounds: list[How] = [*_rounds("kill", kills), *_rounds("freeze", freezes), *_rounds("hang", hangs)]
    chance.shuffle(rounds)
    say(f"{len(rounds)} rounds, seed {seed}: {HOSTS} hosts of {WORKERS} workers, {ANSWERS} answers of {LOAD.tokens} tokens")
    with (
        TemporaryDirectory() as name,
        model(Path(name), LOAD) as model_url,
        team(Path(name), 4 * ANSWERS, model_url, workers=WORKERS, hosts=HOSTS) as hosts,
    ):
        asyncio.run(_all(hosts, rounds, chance, found, say))
    return _verdict(found)


def _rounds(how: How, count: int) -> list[How]:
    return [how] * -(-count // HOSTS)


async def _all(hosts: Team, rounds: Sequence[How], chance: random.Random, found: Found, say: Say) -> None:
    owner = Owner(hosts.link)
    await owner.come()
    owners = [owner.at(url) for url in hosts.urls]
    for number, how in enumerate(rounds, 1):
        hosts.until_complete(WORKERS)
        wrong, back, lost = len(found.wrong), len(found.back[how]), len(found.lost_ms)
        await _round(hosts, owners, number, how, chance, found)
        seconds, ms = max(found.back[how][back:], default=0.0), max(found.lost_ms[lost:], default=0.0)
        say(f"{number:>4} {how:<7} back after {seconds:>5.1f} s, lost {ms:>4.0f} ms {found.wrong[wrong:] or ''}")


async def _round(hosts: Team, owners: Sequence[Owner], number: int, how: How, chance: random.Random, found: Found) -> None:
    watched = [await _begun(owners, f"{number}-{each}", chance) for each in range(ANSWERS)]
    await asyncio.sleep(chance.random() * LOAD.answer_seconds)
    hit = [chance.choice(host.worker_pids) for host in hosts.hosts]
    moments = time.monotonic(), time.time()
    await _hit(hit, how, chance)
    found.faults[how] += len(hit)
    await asyncio.to_thread(_settled, hosts, watched)
    for each in watched:
        await _inspect(hosts, each, how, moments, found)
    if rows := hosts.rows(RUNNING)[0][0] + hosts.rows(JOURNALLED)[0][0]:
        found.wrong.append(f"{rows} rows left running or in the journal")


async def _begun(owners: Sequence[Owner], key: str, chance: random.Random) -> Watched:
    path = await chance.choice(owners).send("/chats", {"message": f"Question {key}", "key": key})
    return Watched(path.rpartition("/")[2], [LastingPage(owner, path) for owner in owners])


async def _hit(pids: Sequence[int], how: How, chance: random.Random) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL if how == "kill" else signal.SIGSTOP)
    if how != "kill":
        await asyncio.sleep(HANG_SECONDS if how == "hang" else chance.uniform(*FREEZE_SECONDS))
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def _settled(hosts: Team, watched: Sequence[Watched]) -> None:
    until = time.monotonic() + SETTLED_SECONDS
    while not all(hosts.rows(NEWEST, f"chat:{each.chat}")[-1][0] == "completed" for each in watched):
        if time.monotonic() > until:
            return
        time.sleep(0.1)


async def _inspect(hosts: Team, watched: Watched, how: How, moments: tuple[float, float], found: Found) -> None:
    runs = hosts.rows(NEWEST, f"chat:{watched.chat}")
    text = str(hosts.rows(TEXT, watched.chat)[0][0])
    ends = [await page.until_ended(SETTLED_SECONDS / 2) for page in watched.pages]
    stamps = [(int(number), int(at) / 1_000_000) for number, at in TOKEN.findall(text.encode())]
    found.wrong += _wrong(watched, runs[-1][0], [number for number, _ in stamps], all(ends))
    for before, after in pairwise(runs):
        if before[1] == "server_restart":
            found.back[how].append(float(after[3]) - moments[1])
            kept = len(TOKEN.findall(text[: after[2]].encode()))
            found.lost_ms.append(lost_ms(stamps, kept, moments[0]) if how == "kill" else 0.0)
    found.pages += len(watched.pages)
    for page in watched.pages:
        found.reconnects += max(0, page.reconnects)
        await page.close()


def _wrong(watched: Watched, status: str, numbers: Sequence[int], have_ended: bool) -> list[str]:
    whole, wrong = list(range(LOAD.tokens)), []
    if status != "completed":
        wrong.append(f"it ended as {status}")
    if list(numbers) != whole:
        wrong.append(f"{len(numbers)} tokens saved, {len(set(numbers))} of them different")
    if not have_ended or any(page.ends != 1 or page.stands[-1] != "completed" for page in watched.pages):
        wrong.append(f"pages were told {[page.stands for page in watched.pages]}")
    if any(page.tokens != set(whole) for page in watched.pages):
        wrong.append(f"pages have {[len(page.tokens) for page in watched.pages]} tokens")
    return wrong


def lost_ms(stamps: Sequence[tuple[int, float]], kept: int, moment: float) -> float:
    """Returns the age of the oldest lost token at that moment.

    The model sends evenly, so its time is known from the tokens before it.
    """
    if not kept:
        return 0.0
    sent = stamps[kept - 1][1] + 1 / LOAD.rate
    return max(0.0, (moment - sent) * 1000)


def _verdict(found: Found) -> Verdict:
    hit = ", ".join(f"{count} × {how}" for how, count in found.faults.items() if count)
    return Verdict(
        [
            Bar(f"answers cut by {hit}", len(found.lost_ms), None),
            *(_back(how, times) for how, times in found.back.items() if times),
            Bar("text lost by kills, at most", max(found.lost_ms, default=0.0), MOST_LOST_MS, " ms", is_timed=True),
            Bar("text lost by kills, median", median(found.lost_ms or [0.0]), None, " ms"),
            Bar("answers with text missing or twice, rows left running, pages without exactly one end", len(found.wrong), 0),
            Bar(f"reconnects of {found.pages} pages", found.reconnects, None),
        ]
    )


def _back(how: How, times: Sequence[float]) -> Bar:
    words = f"from the {how} to the generation that continues (median {median(times):.1f} s, p95 {percentile(times, 0.95):.1f} s)"
    return Bar(words, max(times), MOST_SECONDS[how], " s", is_timed=True)
