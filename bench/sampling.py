"""Profiles the worker of a server during a run, with `bench.sampled`."""

import json
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.servers import Product

SAMPLED = "python:bench.sampled"
# In the folder of the database.
FILE = "samples.json"
WRITTEN_SECONDS = 10.0


@contextmanager
def sampling(installation: Product, counts: "Counter[str]") -> Iterator[None]:
    """Adds the samples of the worker during the block to `counts`, by stage."""
    _written(installation)
    yield
    counts.update(_written(installation))


def _written(installation: Product) -> dict[str, int]:
    file = installation.file.with_name(FILE)
    installation.server.signal_children(signal.SIGUSR1)
    until = time.monotonic() + WRITTEN_SECONDS
    while not file.exists():
        if time.monotonic() > until:
            raise RuntimeError("the worker doesn't say what it is at")
        time.sleep(0.01)
    found: dict[str, int] = json.loads(Path(file).read_text())
    file.unlink()
    return found
