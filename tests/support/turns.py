"""Measures how long one greenlet keeps the processor before it yields, and whether all greenlets have come to rest."""

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
    """Whether a value eventually stays unchanged for this long: on a busy machine the last greenlet ends late."""
    for _ in range(10):
        before = look()
        gevent.sleep(seconds)
        if look() == before:
            return True
    return False


@dataclass
class Longest:
    """In seconds of this thread's CPU time, scaled to a machine of usual speed: neither load nor a slow machine changes it."""

    seconds: float = 0.0


@contextmanager
def longest_turn() -> Iterator[Longest]:
    """Measures the longest time that any greenlet runs without yielding inside the block."""
    longest, slowed, began = Longest(), slowness(), 0.0

    def switched(_event: str, _greenlets: Any) -> None:
        nonlocal began
        now = time.thread_time()
        longest.seconds, began = max(longest.seconds, now - began), now

    with left_alone():
        # Only now: checking the machine's speed and preparing the measurement can take as long as what is measured.
        before, began = greenlet.settrace(switched), time.thread_time()
        try:
            yield longest
            switched("", None)
        finally:
            greenlet.settrace(before)
    longest.seconds /= max(slowed, slowness())


@contextmanager
def nobody_waits(most_seconds: float = MOST_SECONDS) -> Iterator[None]:
    """Fails when a greenlet ran for longer than this inside the block, so that all others had to wait."""
    with longest_turn() as longest:
        yield
    assert longest.seconds < most_seconds, f"the others waited for {longest.seconds:.2f} s"


@contextmanager
def turns_of_the_loop() -> Iterator[Callable[[], int]]:
    """Yields a function that returns the number of the event loop's current iteration."""
    loop, turns = gevent.get_hub().loop, [0]
    # At top priority, so that it counts first after each poll.
    counter = loop.check(ref=False, priority=loop.MAXPRI)
    counter.start(lambda: turns.append(turns.pop() + 1))
    # Otherwise gevent postpones some of the ready greenlets to the next iteration once it has run greenlets for a switch
    # interval, which is soon on a busy machine.
    interval = sys.getswitchinterval()
    sys.setswitchinterval(60)
    try:
        yield lambda: turns[0]
    finally:
        sys.setswitchinterval(interval)
        counter.stop()
        counter.close()
