"""Notices who holds the loop: a thread of the system looks at it while it works, and sleeps while it waits."""

import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

LOOK_SECONDS, HELD_SECONDS = 0.05, 0.2
# A log that is full of one line hides all others.
LOG_EVERY_SECONDS = 10.0
MOST_FRAMES = 12
HELD = "loop_held"
ROOT = f"{Path(__file__).resolve().parents[1]}/"
# Which may be in a folder of ours.
LIBRARIES = "/site-packages/"
log = logging.getLogger("loop")


class Turn:
    """From one time at which the loop waits to the next."""

    __slots__ = ("began_at", "stack", "waited")

    def __init__(self, began_at: float) -> None:
        self.began_at, self.waited, self.stack = began_at, 0.0, ""


class Watchdog:
    """Counts the turns of the loop that took too long: 200 ms of its own CPU time, or asleep in something that is not green.

    Waiting for a processor does not count: a busy machine is not a held loop.
    """

    def __init__(self) -> None:
        self.times, self.seconds = 0, 0.0
        self.listeners: list[Callable[[float], None]] = []
        self._turn: Turn | None = None
        self._is_asleep = False
        self._unsaid, self._said_at = 0, -LOG_EVERY_SECONDS

    def begin(self, loop: Any, original: Callable[[str, str], Any]) -> None:
        """Watches this thread's loop. `original` gives what a module had before gevent patched it."""
        self._ident = original("_thread", "get_ident")()
        self._clock = time.pthread_getcpuclockid(self._ident)
        self._stat = f"/proc/self/task/{original('threading', 'get_native_id')()}/stat"
        self._sleep, self._wake = original("time", "sleep"), original("_thread", "allocate_lock")()
        self._wake.acquire()
        # First when the loop has waited, last before it waits again: all that runs lies between.
        self._watchers = loop.check(ref=False, priority=loop.MAXPRI), loop.prepare(ref=False, priority=loop.MINPRI)
        for watcher, callback in zip(self._watchers, (self._begin_turn, self._end_turn), strict=True):
            watcher.start(callback)
        original("_thread", "start_new_thread")(self._watch, ())

    def _begin_turn(self) -> None:
        self._turn = Turn(time.thread_time())
        if self._is_asleep:
            self._is_asleep = False
            if self._wake.locked():
                self._wake.release()

    def _end_turn(self) -> None:
        turn, self._turn = self._turn, None
        if turn and (seconds := time.thread_time() - turn.began_at + turn.waited) >= HELD_SECONDS:
            self.note(seconds, turn.stack, turn.waited)

    def note(self, seconds: float, stack: str, asleep: float = 0.0) -> None:
        """Counts that the loop was held for so long, some of it asleep, and says where, unless that was said a moment ago."""
        self.times += 1
        self.seconds += seconds
        for hear in self.listeners:
            hear(seconds)
        if time.monotonic() < self._said_at + LOG_EVERY_SECONDS:
            self._unsaid += 1
            return
        told = {"seconds": round(seconds, 3), "asleep": round(asleep, 3), "unsaid_before": self._unsaid, "stack": stack}
        log.warning(HELD, extra={"fields": told})
        self._said_at, self._unsaid = time.monotonic(), 0

    def _watch(self) -> None:
        while True:
            self._is_asleep = True
            # A turn that began before that has woken nobody.
            if self._turn is None:
                self._wake.acquire()
            while turn := self._turn:
                self._look(turn)

    def _look(self, turn: Turn) -> None:
        """Takes down what this turn is at, if it takes too long, and waits for a while."""
        is_long = time.clock_gettime(self._clock) - turn.began_at + turn.waited >= HELD_SECONDS
        if is_long and not turn.stack and self._turn is turn:
            turn.stack = places(sys._current_frames().get(self._ident))
        due = time.monotonic() + LOOK_SECONDS
        self._sleep(LOOK_SECONDS)
        # Who looks too late cannot say how the time between was spent.
        if self._turn is turn and time.monotonic() < due + LOOK_SECONDS / 2 and self._is_sleeping():
            turn.waited += LOOK_SECONDS

    def _is_sleeping(self) -> bool:
        """Whether the thread of the loop waits for something else than a processor, where the system says so."""
        try:
            file = os.open(self._stat, os.O_RDONLY)
        except OSError:
            return False
        try:
            return os.read(file, 512).rpartition(b")")[2].split()[0] in (b"S", b"D")
        finally:
            os.close(file)


def places(frame: FrameType | None) -> str:
    """Where a frame is, and who of ours led there, innermost first: files, lines and functions, without any values.

    A library that calls itself twenty times would hide who has called it.
    """
    found: list[str] = []
    while frame and len(found) < MOST_FRAMES:
        code = frame.f_code
        if not found or _is_ours(code.co_filename):
            found.append(f"{code.co_filename.removeprefix(ROOT)}:{frame.f_lineno} {code.co_qualname}")
        frame = frame.f_back
    return " < ".join(found)


def _is_ours(file: str) -> bool:
    return file.startswith(ROOT) and LIBRARIES not in file
