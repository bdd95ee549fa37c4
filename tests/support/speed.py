"""Measures how fast this machine computes, so that a slow or shared one fails no test that measures time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

# How long the work takes on the machine on which the tests' bounds were measured.
USUAL_SECONDS = 0.004


def _work() -> float:
    began = time.thread_time()
    for number in range(40_000):
        str(number).encode()
    return time.thread_time() - began


def slowness() -> float:
    """Returns how many times slower than usual this machine is now, at least 1."""
    return max(1.0, min(_work() for _ in range(3)) / USUAL_SECONDS)


@contextmanager
def takes_at_most(seconds: float, what: str = "it") -> Iterator[None]:
    """Fails when the block takes more of this thread's CPU time, scaled to a machine of usual speed."""
    slowed, began = slowness(), time.thread_time()
    yield
    taken = (time.thread_time() - began) / max(slowed, slowness())
    assert taken < seconds, f"{what} took {taken:.2f} s of CPU time"
