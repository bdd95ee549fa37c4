"""How fast this machine computes, so that one that is slow, or shares its processors, fails no test that takes the time."""

import time

# What the work takes on the machine on which the bounds in the tests were measured.
USUAL_SECONDS = 0.004


def _work() -> float:
    began = time.thread_time()
    for number in range(40_000):
        str(number).encode()
    return time.thread_time() - began


def slowness() -> float:
    """How many times as long as usual something takes now, at least 1."""
    return max(1.0, min(_work() for _ in range(3)) / USUAL_SECONDS)
