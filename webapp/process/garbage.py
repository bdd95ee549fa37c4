"""Keeps long-lived objects out of garbage collections, as scanning them pauses all answers."""

import gc
import time
from collections.abc import Mapping

# A longer collection has scanned many objects that stay: templates, statements, libraries loaded since.
LONG_SECONDS = 0.03
# Freezing also includes objects in use at that moment, which are never scanned again, and leak if they become an unreachable
# cycle.
MOST_TIMES = 10
# How many new objects there are before the youngest are collected. Python's default of 700 is reached several times by each
# request; nearly all of its objects are released without the collector, if it waits until the request is done.
YOUNG_OBJECTS = 10_000


class Collector:
    """Freezes what has survived a long collection, so that the next is short; only a few times, as it includes objects in use."""

    def __init__(self, long_seconds: float = LONG_SECONDS) -> None:
        self._long_seconds, self._left, self._began = long_seconds, MOST_TIMES, 0.0

    def begin(self) -> None:
        """Freezes all current objects, registers the callback and makes collections of young objects rarer."""
        gc.collect()
        gc.freeze()
        gc.callbacks.append(self.on_collection)
        gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])
        gc.enable()

    def on_collection(self, phase: str, about: Mapping[str, int]) -> None:
        """The garbage collector's callback, called before and after each collection."""
        if about["generation"] < 2 or not self._left:
            return
        if phase == "start":
            self._began = time.thread_time()
        elif time.thread_time() - self._began >= self._long_seconds:
            self._left -= 1
            gc.freeze()
