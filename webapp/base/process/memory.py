"""Keeps collections of garbage short, as they pause all answers, and returns the memory of large texts to the system."""

import ctypes
import gc
import time
from collections.abc import Mapping

# By default, glibc raises this threshold to the size of what is freed, and keeps anything smaller in its heap among small
# allocations.
LARGE_BYTES = 256 * 1024
M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8
# A longer collection has scanned many objects that stay: templates, statements, libraries loaded since.
LONG_SECONDS = 0.03
# Freezing also includes objects in use at that moment, which are never scanned again, and leak if they become an unreachable
# cycle.
MOST_TIMES = 10
# After a start, what the first pages load is frozen as soon as it has survived twice: the first full collection would scan all of
# it at once, for a third of a second on a busy machine.
WARM_UPS = 10
# How many new objects there are before the youngest are collected. Python's default of 700 is reached several times by each
# request; nearly all of its objects are released without the collector, if it waits until the request is done.
YOUNG_OBJECTS = 10_000


def tune_malloc() -> None:
    """Of 88 MB that a large export has used, 8 MB stay with it and 58 MB without it (`tests/base/process/test_memory.py`).

    Fixes glibc's mmap threshold, so that larger blocks are unmapped when freed, and lets all threads share one heap.

    A heap for each thread would save them from waiting for each other, but they allocate mostly while they hold the interpreter
    lock. Has no effect on other C libraries.
    """
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
        mallopt(M_ARENA_MAX, 1)


class Collector:
    """Freezes what survives collections after the start, and later what has survived a long one, so that all others are short.

    Only a few times, as that includes objects in use.
    """

    def __init__(self, long_seconds: float = LONG_SECONDS, warm_ups: int = WARM_UPS) -> None:
        self._long_seconds, self._warm_ups, self._left, self._began = long_seconds, warm_ups, MOST_TIMES, 0.0

    def begin(self) -> None:
        """Freezes all current objects, registers the callback and makes collections of young objects rarer."""
        gc.collect()
        gc.freeze()
        gc.callbacks.append(self.on_collection)
        gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])
        gc.enable()

    def on_collection(self, phase: str, about: Mapping[str, int]) -> None:
        """The garbage collector's callback, called before and after each collection."""
        generation = about["generation"]
        if phase == "start":
            self._began = time.thread_time()
        elif generation == 1 and self._warm_ups:
            self._warm_ups -= 1
            gc.freeze()
        elif generation == 2 and self._left and time.thread_time() - self._began >= self._long_seconds:
            self._left -= 1
            gc.freeze()
