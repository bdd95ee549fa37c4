"""A soak test: constant answers, pages that come and go, a fault every ten seconds; then checks for losses and leaks."""

import asyncio
import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.browsing import Owner, Refused
from bench.lasting import LastingPage
from bench.load import Load
from bench.reading import TOKEN
from bench.servers import model
from bench.team import Team, team
from bench.verdict import Bar, Verdict

COUNTED = "python:bench.counted"
WORKERS, FAULT_SECONDS, ROW_SECONDS, QUIET_SECONDS = 2, 10.0, 30.0, 90.0
LOAD = Load(1, 300, 20)
# At first, the caches of answers fill up.
SETTLED_SECONDS = 60.0
MOST_GROWTH = 5.0
QUESTIONS = "SELECT count(*) FROM messages WHERE role = 'user'"
ANSWERS = "SELECT content, chat_id FROM messages WHERE role = 'assistant'"
RUNNING = "SELECT count(*) FROM generations WHERE status IN ('queued', 'running')"
Say = Callable[[str], None]
Counts = Counter[str]


async def _redis_killed(deployment: Team, _chance: random.Random) -> None:
    deployment.redis.kill()
    await asyncio.sleep(2)
    await asyncio.to_thread(deployment.redis.start)


async def _redis_emptied(deployment: Team, _chance: random.Random) -> None:
    deployment.redis.empty()


async def _redis_frozen(deployment: Team, _chance: random.Random) -> None:
    deployment.redis.freeze()
    await asyncio.sleep(3)
    deployment.redis.go_on()


async def _postgres_restarted(deployment: Team, _chance: random.Random) -> None:
    await asyncio.to_thread(deployment.postgres.restart)


async def _postgres_frozen(deployment: Team, _chance: random.Random) -> None:
    pids = deployment.postgres.pids
    deployment.postgres.freeze()
    await asyncio.sleep(2)
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


async def _worker_frozen(deployment: Team, chance: random.Random) -> None:
    pid = chance.choice(deployment.hosts[0].worker_pids)
    os.kill(pid, signal.SIGSTOP)
    await asyncio.sleep(3)
    os.kill(pid, signal.SIGCONT)


async def _neighbour_killed(deployment: Team, _chance: random.Random) -> None:
    """Kills workers of the other host, because memory is measured in workers that survive."""
    deployment.hosts[1].signal_children(signal.SIGKILL)


FAULTS: Mapping[str, Callable[[Team, random.Random], Awaitable[None]]] = {
    "Redis killed": _redis_killed,
    "Redis emptied": _redis_emptied,
    "Redis frozen": _redis_frozen,
    "PostgreSQL restarted": _postgres_restarted,
    "PostgreSQL frozen": _postgres_frozen,
    "a worker frozen": _worker_frozen,
    "a neighbour's worker killed": _neighbour_killed,
}


@dataclass
class Seen:
    """The acknowledged requests, how many were refused, and the memory over time."""

    acknowledged: list[str] = field(default_factory=list)
    refused: int = 0
    pages: int = 0
    megabytes: list[tuple[float, float]] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)


def measure(streams: int, minutes: float, seed: int, say: Say) -> Verdict:
    """Measures what a server holds after this many minutes of answers, pages and faults."""
    say(f"{streams} answers at once for {minutes:g} minutes, a fault every {FAULT_SECONDS:.0f} s, seed {seed}")
    with (
        TemporaryDirectory() as name,
        model(Path(name), LOAD) as model_url,
        team(Path(name), 4 * streams, model_url, workers=WORKERS, hosts=2, config=COUNTED) as deployment,
    ):
        return asyncio.run(_soaked(deployment, streams, minutes * 60, random.Random(seed), say))


async def _soaked(deployment: Team, streams: int, seconds: float, chance: random.Random, say: Say) -> Verdict:
    owner, seen = Owner(deployment.link), Seen()
    await owner.come()
    owners = [owner.at(url) for url in deployment.urls]
    await asyncio.gather(*(_turn(owners, seen, chance) for _ in range(streams)))
    await asyncio.to_thread(_rest, deployment)
    before, until = _counts(deployment), time.monotonic() + seconds
    async with asyncio.TaskGroup() as group:
        for _ in range(streams):
            group.create_task(_go_on(owners, seen, chance, until))
        group.create_task(_hit(deployment, seen, chance, until))
        group.create_task(_report_progress(deployment, seen, time.monotonic(), until, say))
    await asyncio.to_thread(_rest, deployment)
    return _verdict(deployment, seen, before, _counts(deployment))


async def _go_on(owners: list[Owner], seen: Seen, chance: random.Random, until: float) -> None:
    while time.monotonic() < until:
        await _turn(owners, seen, chance)


async def _turn(owners: list[Owner], seen: Seen, chance: random.Random) -> None:
    """Asks a question and opens pages of the answer, one of which stays until its end."""
    try:
        async with asyncio.timeout(60):
            path = await chance.choice(owners).send("/chats", {"message": "A question", "key": f"soak-{chance.random()}"})
    except (Refused, OSError, EOFError, TimeoutError):
        seen.refused += 1
        await asyncio.sleep(1)
        return
    seen.acknowledged.append(path.rpartition("/")[2])
    pages = [LastingPage(chance.choice(owners), path) for _ in range(chance.randint(1, 3))]
    seen.pages += len(pages)
    for page in pages[1:]:
        await asyncio.sleep(chance.random() * LOAD.answer_seconds / 3)
        await page.close()
    await pages[0].until_ended(LOAD.answer_seconds + 90)
    await pages[0].close()


async def _hit(deployment: Team, seen: Seen, chance: random.Random, until: float) -> None:
    while (due := time.monotonic() + FAULT_SECONDS) < until:
        name = chance.choice(list(FAULTS))
        seen.faults[name] += 1
        await FAULTS[name](deployment, chance)
        await asyncio.sleep(max(0.0, due - time.monotonic()))


async def _report_progress(deployment: Team, seen: Seen, began: float, until: float, say: Say) -> None:
    while time.monotonic() < until:
        await asyncio.sleep(min(ROW_SECONDS, max(0.1, until - time.monotonic())))
        row = time.monotonic() - began, deployment.hosts[0].resident_mb()
        seen.megabytes.append(row)
        counts = f"{len(seen.acknowledged):>6} asked {seen.refused:>4} refused"
        say(f"{row[0]:>6.0f} s {row[1]:>7.1f} MB {counts} {seen.pages:>6} pages")


def _rest(deployment: Team) -> None:
    """Waits until nothing is being written, and until every closed connection has been noticed."""
    until = time.monotonic() + QUIET_SECONDS
    while deployment.rows(RUNNING)[0][0] and time.monotonic() < until:
        time.sleep(0.5)
    # Two heartbeats: by then the server has noticed every page that has gone.
    time.sleep(QUIET_SECONDS / 3)


def _counts(deployment: Team) -> Counts:
    """Returns the totals that the workers of the first host hold."""
    counts, host = Counts(), deployment.hosts[0]
    for pid in host.worker_pids:
        file = deployment.folders[0] / f"counted-{pid}"
        file.unlink(missing_ok=True)
        os.kill(pid, signal.SIGUSR1)
        until = time.monotonic() + 20
        while not file.exists() and time.monotonic() < until:
            time.sleep(0.05)
        counts.update(json.loads(file.read_text()))
        counts["pages"] += _pages(pid, int(deployment.urls[0].rpartition(":")[2]))
    return counts


def _pages(pid: int, port: int) -> int:
    """Returns how many connections to its port a worker has open."""
    links = (os.readlink(each) for each in Path(f"/proc/{pid}/fd").iterdir() if each.is_symlink())
    inodes = {link[8:-1] for link in links if link.startswith("socket:[")}
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return sum(row[1].endswith(f":{port:04X}") and row[3] != "0A" and row[9] in inodes for row in rows)


def _verdict(deployment: Team, seen: Seen, before: Counts, after: Counts) -> Verdict:
    chats = {chat: content for content, chat in deployment.rows(ANSWERS)}
    lost = sum(chat not in chats for chat in seen.acknowledged) + abs(deployment.rows(QUESTIONS)[0][0] - len(seen.acknowledged))
    broken = sum([int(n) for n, _ in TOKEN.findall(text.encode())] != list(range(LOAD.tokens)) for text in chats.values())
    settled = [megabytes for at, megabytes in seen.megabytes if at >= SETTLED_SECONDS]
    growth = (settled[-1] / settled[0] - 1) * 100 if settled else 0.0
    return Verdict(
        [
            Bar(f"faults: {', '.join(f'{count} × {name}' for name, count in seen.faults.items())}", seen.faults.total(), None),
            Bar(f"questions refused, of {len(seen.acknowledged) + seen.refused}", seen.refused, None),
            Bar("acknowledged messages lost", lost, 0),
            Bar("answers with text missing or twice", broken, 0),
            Bar("rows left running", deployment.rows(RUNNING)[0][0], 0),
            Bar("growth of memory after the first minute", growth, MOST_GROWTH, "%"),
            *(Bar(f"{name} more than before ({before[name]})", after[name] - before[name], 0) for name in sorted(before)),
        ]
    )
