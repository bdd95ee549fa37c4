"""Waits for a condition, leaving the processors to other tests in between."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# The pause between two checks is ten times as long as a check takes, within bounds.
TIMES, SHORTEST, LONGEST = 10, 0.005, 0.05


def seen(look: Callable[[], T], is_so: Callable[[T], object], words: str = "", *, seconds: float = 60) -> T:
    """Calls `look` repeatedly until its result satisfies the condition, and returns it; fails after a timeout."""
    deadline = time.monotonic() + seconds
    while True:
        began = time.monotonic()
        found = look()
        if is_so(found):
            return found
        now = time.monotonic()
        assert now < deadline, f"not within {seconds:.0f} s: {words or found}"
        time.sleep(min(max(SHORTEST, TIMES * (now - began)), LONGEST))


def until(is_so: Callable[[], object], words: str, *, seconds: float = 60) -> None:
    """Waits until a condition is true."""
    seen(is_so, bool, words, seconds=seconds)
