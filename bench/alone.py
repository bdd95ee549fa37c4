"""Measures an idle server: its memory after the first answer, and the time of its second start."""

import asyncio
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.browsing import Owner
from bench.servers import command, flask, free_port, product, serving
from bench.verdict import Bar
from bench.visit import OpenPage
from webapp.base.config import ROOT

QUESTION = "What is Millrace?"
READY = ("-m", "webapp.cli.ready")


@dataclass(frozen=True)
class Alone:
    """One line of the table whose measurement needs no load."""

    name: str
    words: str
    measure: Callable[[], float]
    most: float
    unit: str
    is_timed: bool = False

    def bar(self, rounds: int) -> Bar:
        return Bar(self.words, median(self.measure() for _ in range(rounds)), self.most, self.unit, is_timed=self.is_timed)


def idle_mb() -> float:
    """Returns the memory of master and worker after the demo has answered once."""
    with TemporaryDirectory() as folder, product(Path(folder), 1) as installation:
        asyncio.run(_answered(Owner(installation.link)))
        installation.server.cpu_at_rest()
        return installation.server.proportional_mb()


async def _answered(owner: Owner) -> None:
    await owner.come()
    page = await OpenPage.of_new_chat(owner, "idle", QUESTION)
    page.stream.writer.close()


def start_seconds() -> float:
    """Returns the time that `make run` takes on the second start, until the first response."""
    with TemporaryDirectory() as data_dir, TemporaryDirectory() as folder:
        environ = {"HOST": "127.0.0.1", "PORT": str(free_port()), "DATA_DIR": data_dir}
        link = flask(environ, "prepare").split()[-1]
        with serving(Path(folder), environ):
            asyncio.run(Owner(link).come())
        began = time.monotonic()
        if subprocess.run(command(READY, environ), cwd=ROOT, stdout=subprocess.DEVNULL, check=False).returncode:
            flask(environ, "prepare")
        with serving(Path(folder), environ):
            return time.monotonic() - began


ALONE = (
    Alone("idle", "idle after one demo chat, master and worker together", idle_mb, 126, " MB"),
    Alone("start", "`make run` a second time, to the first 200", start_seconds, 1.8, " s", is_timed=True),
)
