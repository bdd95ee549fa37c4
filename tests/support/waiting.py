"""To wait for something, and leave the processors to it meanwhile: several tests share them."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# Between two looks passes ten times what one takes, within bounds.
TIMES, SHORTEST, LONGEST = 10, 0.005, 0.05


def seen(look: Callable[[], T], is_so: Callable[[T], object], words: str = "", *, seconds: float = 60) -> T:
    """What is there, as soon as it is so; looks again and again, for a while."""
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
    """Waits for something to become so."""
    seen(is_so, bool, words, seconds=seconds)
