"""Measures an idle server: its memory after the first answer, and the time of its second start."""

import asyncio
import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.browsing import Owner
from bench.servers import HERE, Checkout, command, flask, free_port, product, serving
from bench.verdict import Bar
from bench.visit import OpenPage

QUESTION = "What is Millrace?"
# The module that `make run` asks first, as the Makefile of a checkout names it.
READY = re.compile(r"-m (webapp\.[\w.]+\.ready)")


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


@dataclass(frozen=True)
class Idle:
    """The memory of master and worker: in all, and with shared pages divided by their users."""

    resident_mb: float
    proportional_mb: float


def idle_mb() -> float:
    """Returns the memory of master and worker after the demo has answered once."""
    return idle().proportional_mb


def idle(checkout: Checkout = HERE) -> Idle:
    with TemporaryDirectory() as folder, product(Path(folder), 1, checkout=checkout) as installation:
        asyncio.run(_answered(Owner(installation.link)))
        installation.server.cpu_at_rest()
        return Idle(installation.server.whole_resident_mb(), installation.server.proportional_mb())


async def _answered(owner: Owner) -> None:
    await owner.come()
    page = await OpenPage.of_new_chat(owner, "idle", QUESTION)
    page.stream.writer.close()


def start_seconds(checkout: Checkout = HERE) -> float:
    """Returns the time that `make run` takes on the second start, until the first response."""
    with TemporaryDirectory() as data_dir, TemporaryDirectory() as folder:
        environ = {"HOST": "127.0.0.1", "PORT": str(free_port()), "DATA_DIR": data_dir}
        link = flask(environ, "prepare", checkout=checkout).split()[-1]
        with serving(Path(folder), environ, checkout=checkout):
            asyncio.run(Owner(link).come())
        began = time.monotonic()
        named = READY.search((checkout.folder / "Makefile").read_text("utf-8"))
        asked = ("-m", named[1]) if named else ("-c", "raise SystemExit(1)")
        ready = subprocess.run(command(asked, environ, checkout), cwd=checkout.folder, capture_output=True, check=False)
        if ready.returncode:
            flask(environ, "prepare", checkout=checkout)
        with serving(Path(folder), environ, checkout=checkout):
            return time.monotonic() - began


ALONE = (
    Alone("idle", "idle after one demo chat, master and worker together", idle_mb, 126, " MB"),
    Alone("start", "`make run` a second time, to the first 200", start_seconds, 1.8, " s", is_timed=True),
)
