"""Keeps the collector of garbage from looking through what stays: to look through it all stops every answer meanwhile."""

import gc
import time
from collections.abc import Mapping

# A look that takes longer has met much that stays: templates, statements, libraries that were needed by now.
LONG_SECONDS = 0.03
# What is in use just then is looked through no more either, and kept for good if it becomes a circle that nobody has.
MOST_TIMES = 10


class Collector:
    """Sets aside what has outlived a long look, so that the next is short: a few times, as what is in use goes with it."""

    def __init__(self, long_seconds: float = LONG_SECONDS) -> None:
        self._long_seconds, self._left, self._began = long_seconds, MOST_TIMES, 0.0

    def begin(self) -> None:
        """Sets aside what is there now."""
        gc.collect()
        gc.freeze()
        gc.callbacks.append(self.hear)
        gc.enable()

    def hear(self, phase: str, about: Mapping[str, int]) -> None:
        """Is told of every look before and after it."""
        if about["generation"] < 2 or not self._left:
            return
        if phase == "start":
            self._began = time.thread_time()
        elif time.thread_time() - self._began >= self._long_seconds:
            self._left -= 1
            gc.freeze()
