"""How long one greenlet has kept the processor before another had its turn, and whether all have come to rest."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import gevent
import greenlet

from tests.support.garbage import left_alone
from tests.support.speed import slowness

MOST_SECONDS = 0.5


def comes_to_rest(look: Callable[[], Any], *, seconds: float) -> bool:
    """Whether what is looked at has not changed for so long, sooner or later: on a busy machine the last to end ends late."""
    for _ in range(10):
        before = look()
        gevent.sleep(seconds)
        if look() == before:
            return True
    return False


@dataclass
class Longest:
    """In seconds of this thread's processor time on a machine of usual speed: neither a busy nor a slow one changes it."""

    seconds: float = 0.0


@contextmanager
def longest_turn() -> Iterator[Longest]:
    """The longest of all turns that are taken inside."""
    longest, slowed, began = Longest(), slowness(), 0.0

    def switched(_event: str, _greenlets: Any) -> None:
        nonlocal began
        now = time.thread_time()
        longest.seconds, began = max(longest.seconds, now - began), now

    with left_alone():
        # Only now: to measure the machine and to clear it up takes as long as much that is measured.
        before, began = greenlet.settrace(switched), time.thread_time()
        try:
            yield longest
            switched("", None)
        finally:
            greenlet.settrace(before)
    longest.seconds /= max(slowed, slowness())


@contextmanager
def nobody_waits(most_seconds: float = MOST_SECONDS) -> Iterator[None]:
    """Fails when what is done inside held everybody else up for longer."""
    with longest_turn() as longest:
        yield
    assert longest.seconds < most_seconds, f"the others waited for {longest.seconds:.2f} s"


@contextmanager
def turns_of_the_loop() -> Iterator[Callable[[], int]]:
    """Says in which turn of the loop somebody asks."""
    loop, turns = gevent.get_hub().loop, [0]
    # First when the loop has waited.
    counter = loop.check(ref=False, priority=loop.MAXPRI)
    counter.start(lambda: turns.append(turns.pop() + 1))
    # Else gevent puts a part of those who are ready off until the next turn, beside those of that one, when it has been at them
    # for so long, which on a busy machine it soon has.
    interval = sys.getswitchinterval()
    sys.setswitchinterval(60)
    try:
        yield lambda: turns[0]
    finally:
        sys.setswitchinterval(interval)
        counter.stop()
        counter.close()
