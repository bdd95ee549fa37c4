"""Kills the server at random moments of many answers, and checks that each continues and that nothing happens twice."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import create_engine, text

from bench.browsing import Browser, Owner
from bench.counted_run import Api, CountedRun, Findings
from bench.reading import Lag
from bench.servers import LINK, UNLIMITED, Server, environ_of, flask, free_port
from bench.verdict import Bar, Verdict, lateness

APP = ("-m", "gunicorn", "--config", "gunicorn.conf.py", "bench.counting:app")
KEYS = {"SECRET_KEY": "a-secret-for-this-benchmark-only", "ENCRYPTION_KEY": "t" * 43 + "="}
SET = "INSERT INTO application_settings (key, value, changed_at) VALUES (:key, :value, CURRENT_TIMESTAMP)"
AT_ONCE = 6
# A kill comes this long after all have gone on; every tenth is of the master too, and some don't wait for that.
LONGEST_PAUSE_SECONDS, MASTER_EVERY, HASTY = 2.0, 10, 0.2
GOING_ON_SECONDS, GIVE_UP_SECONDS = 10.0, 30.0
REPORT_EVERY = 20
BARS = {
    "twice": "calls that happened more than once, or after their result",
    "results": "results missing, double or wrong in what the model was told at last",
    "open": "calls of ended answers that are open",
    "texts": "texts that are not what the model wrote",
    "ends": "generations without exactly one end",
    "left": "answers that the server left to a person",
    "stuck": "answers that are stuck",
    "errors": "errors of the server",
}
Say = Callable[[str], None]


@dataclass(frozen=True)
class Killing:
    """How often which server is killed; without a `database` it is SQLite, `redis` is needed by several workers."""

    kills: int
    seed: int = 1
    database: str = ""
    redis: str = ""
    workers: int = 1
    has_tools: bool = True


class Killed:
    """A server that is killed and comes back, on the same data."""

    _server: Server | None = None

    def __init__(self, folder: Path, environ: Mapping[str, str], database: str) -> None:
        self._folder, self._environ = folder, environ
        self.url = f"http://127.0.0.1:{environ['PORT']}"
        self._database = create_engine(database)

    def start(self) -> None:
        self._server = Server(APP, self._folder / "product.log", environ=self._environ)
        self._server.until_open(f"{self.url}/healthz")

    def kill_worker(self, dice: random.Random) -> bool:
        """Kills one of the workers; returns False if there is none at this moment."""
        pids = self._server.children() if self._server else []
        if pids:
            os.kill(dice.choice(pids), signal.SIGKILL)
        return bool(pids)

    def cpu_at_rest(self) -> float:
        return self._server.cpu_at_rest() if self._server else 0.0

    def end(self) -> None:
        if self._server:
            self._server.end()

    def close(self) -> None:
        self.end()
        self._database.dispose()

    def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        with self._database.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query), values)]

    def set(self, settings: Mapping[str, int | str]) -> None:
        with self._database.begin() as connection:
            connection.execute(text(SET), [{"key": name, "value": str(value)} for name, value in settings.items()])


def measure(killing: Killing, say: Say) -> Verdict:
    """Kills the server while answers are written, and judges what they have become."""
    findings, dice = Findings(), random.Random(killing.seed)
    say(f"{killing.kills} kills, {killing.workers} worker(s), {AT_ONCE} answers at once, seed {killing.seed}")
    with running(killing) as (killed, link, model_url):
        lag_ms = asyncio.run(_kill(killing, killed, Owner(link), model_url, findings, dice, say))
    for name, faults in [*findings.faults.items(), ("late", findings.late)]:
        for fault in faults:
            say(f"{name}: {fault}")
    return judged(findings, lag_ms)


def judged(findings: Findings, lag_ms: float) -> Verdict:
    late = lateness(lag_ms, "the kills")
    return Verdict(list(_bars(findings)), [late] if late else [])


def _bars(findings: Findings) -> Iterator[Bar]:
    yield from (Bar(words, count, None) for words, count in sorted(findings.counts.items()))
    yield from (Bar(words, len(findings.faults.get(name, ())), 0) for name, words in BARS.items())
    yield Bar("slowest reply to a request right after a kill", findings.slowest_start, None, " s")
    yield Bar("slowest going on after a kill", findings.slowest, GOING_ON_SECONDS, " s", is_timed=True)


@contextmanager
def running(killing: Killing, **more: str) -> Iterator[tuple[Killed, str, str]]:
    """Starts the model and the server; yields the server, the link of its owner, and the address of the model.

    `more` are additional environment variables.
    """
    with TemporaryDirectory() as folder, TemporaryDirectory(dir=folder) as data_dir:
        port = free_port()
        model = Server(["-m", "bench.scripted_model", str(port), str(killing.seed)], Path(folder, "model.log"))
        try:
            model_url = f"http://127.0.0.1:{port}/api/v1"
            model.until_open(f"{model_url}/models")
            environ = {**environ_of(data_dir, 50, model_url), **KEYS, "WEB_CONCURRENCY": str(killing.workers), **more}
            environ |= {"DATABASE_URL": killing.database} if killing.database else {}
            environ |= {"REDIS_URL": killing.redis} if killing.redis else {}
            link = LINK.search(flask(environ, "prepare"))
            killed = Killed(Path(folder), environ, killing.database or f"sqlite:///{data_dir}/millrace.sqlite3")
            try:
                killed.set({**dict.fromkeys(UNLIMITED, 0), "models.titles": "off"})
                killed.start()
                yield killed, link[0] if link else "", model_url
            finally:
                killed.close()
        finally:
            model.end()


async def _kill(
    killing: Killing, killed: Killed, owner: Owner, model_url: str, findings: Findings, dice: random.Random, say: Say
) -> float:
    """Runs the answers and the kills; returns how late this process was."""
    await owner.come()
    api, model = Api(owner, findings), Api(Browser(model_url), findings)
    numbers, open_runs, is_over = count(1), list[CountedRun](), asyncio.Event()

    async def one_after_another() -> None:
        while not is_over.is_set():
            name = f"run-{next(numbers):04d}"
            run = CountedRun(name, api, model, killed.rows, findings, dice, has_tools=killing.has_tools)
            open_runs.append(run)
            await run.go()
            open_runs.remove(run)

    async with Lag() as lag, asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(one_after_another())
        start = group.create_task(_note_start(api, findings))
        for number in range(1, killing.kills + 1):
            await start
            if dice.random() > HASTY:
                await _going_on(open_runs)
            await asyncio.sleep(dice.uniform(0, LONGEST_PAUSE_SECONDS))
            is_whole = number % MASTER_EVERY == 0
            if is_whole:
                killed.end()
            while not is_whole and not killed.kill_worker(dice):
                await asyncio.sleep(0.05)
            for run in open_runs:
                run.disturb()
            start = group.create_task(_note_start(api, findings))
            if is_whole:
                await asyncio.to_thread(killed.start)
            if number % REPORT_EVERY == 0:
                faults = sum(map(len, findings.faults.values()))
                say(f"{number} kills, {findings.counts['answers']} answers, {faults} faults, {findings.slowest:.1f} s at most")
        is_over.set()
    return lag.ms


async def _note_start(api: Api, findings: Findings) -> None:
    """Notes how long a server doesn't answer after a kill: what of its going on is its start, on this machine."""
    began = time.monotonic()
    await api.ask("GET", "/waiting")
    findings.slowest_start = max(findings.slowest_start, time.monotonic() - began)


async def _going_on(open_runs: list[CountedRun]) -> None:
    """Waits until all have begun, and gone on since the last kill, or until that has taken far too long."""
    until = time.monotonic() + GIVE_UP_SECONDS
    while any(not run.has_gone_on for run in open_runs) and time.monotonic() < until:
        await asyncio.sleep(0.05)
