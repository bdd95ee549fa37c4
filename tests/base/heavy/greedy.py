"""Work for a child process that follows the instructions in its file, some of which exceed its limits."""

import os
import sys
import time
from collections.abc import Iterator
from typing import IO, Any


def pieces(file: IO[bytes]) -> Iterator[Any]:
    """Yields one result for each line of the file."""
    for line in file.read().decode().splitlines():
        word, _, rest = line.partition(" ")
        yield DOES[word](rest)


def _spin(_rest: str) -> None:
    while True:
        pass


DOES: dict[str, Any] = {
    "say": str,
    "fill": lambda count: len(bytearray(int(count))),
    "spin": _spin,
    "wait": lambda seconds: time.sleep(float(seconds)),
    "fail": lambda words: {}[words],
    "die": lambda status: os._exit(int(status)),
    "tell": lambda _rest: [os.getpid(), sorted(os.environ), sorted(sys.modules)],
}
