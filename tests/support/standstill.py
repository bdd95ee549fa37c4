"""Measures when the machine itself was stalled: `seconds(began, ended)`, in terms of `time.monotonic`.

A process on each processor wakes a hundred times a second and writes down when it was late: a virtual machine is not always
given the processors it appears to have, and the delays this causes are not the server's fault. `python -m
tests.support.standstill PROCESSOR` is such a process.
"""

import atexit
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from tests.support.speed import slowness
from webapp.base.process.watchdog import BLOCKED, BLOCKED_SECONDS

ROOT = Path(__file__).resolve().parents[2]
BEAT_SECONDS, LATE_SECONDS = 0.01, 0.02
NOTICED_SECONDS = 0.5
# Without a stack, the block ended before the watchdog could sample it.
HOLD = re.compile(rf'(\S+) WARNING loop {BLOCKED} seconds=(\S+) asleep=(\S+) .*stack="(?!")')


def seconds(began: float, ended: float) -> float:
    """Returns for how long the processors were stalled in this interval, summed over all of them."""
    return sum(overlap(line, began, ended) for file, _ in watch() for line in _lines(file))


def overlap(line: str, began: float, ended: float) -> float:
    """Returns how long a stall, written as its start and end, overlaps an interval."""
    first, last = (float(word) for word in line.split())
    return max(0.0, min(last, ended) - max(first, began))


def holds(log: str, slowness: Callable[[], float] = slowness) -> list[str]:
    """Returns the log lines that report a blocked event loop, without those explained by a stalled or a slow machine."""
    return [line for line in log.splitlines() if (words := HOLD.match(line)) and _is_hold(slowness(), *words.groups())]


@cache
def watch() -> "list[tuple[int, subprocess.Popen[bytes]]]":
    """Starts one process per processor, which end with this one; returns each with the file it writes."""
    started = [_started(processor) for processor in sorted(os.sched_getaffinity(0))]
    for file, process in started:
        # Its first line signals that it is running.
        while not os.fstat(file).st_size and process.poll() is None:
            time.sleep(0.005)
    return started


def _is_hold(slow: float, at: str, told: str, asleep: str) -> bool:
    """Whether the loop was blocked for too long even without the time in which the machine was stalled, and for its speed.

    Sleep can be a wait for another thread of the same server, which itself waits for a processor: it counts only from a length
    that a bystander would notice.
    """
    ended = time.monotonic() - (datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds()
    allowed = BLOCKED_SECONDS if float(told) - float(asleep) >= BLOCKED_SECONDS else NOTICED_SECONDS
    return float(told) - seconds(ended - float(told), ended) >= allowed * slow


def _started(processor: int) -> "tuple[int, subprocess.Popen[bytes]]":
    file = os.memfd_create("standstills")
    process = subprocess.Popen([sys.executable, "-m", "tests.support.standstill", str(processor)], cwd=ROOT, stdout=file)
    atexit.register(_end, process)
    return file, process


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()


def _lines(file: int) -> list[str]:
    # The last line can be incomplete while it is being written.
    return os.pread(file, os.fstat(file).st_size, 0).decode().split("\n")[:-1]


def main(processor: int) -> None:
    os.sched_setaffinity(0, {processor})
    parent = os.getppid()
    print(time.monotonic(), time.monotonic(), flush=True)
    while os.getppid() == parent:
        began = time.monotonic()
        time.sleep(BEAT_SECONDS)
        now = time.monotonic()
        if now - began > BEAT_SECONDS + LATE_SECONDS:
            print(began + BEAT_SECONDS, now, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
