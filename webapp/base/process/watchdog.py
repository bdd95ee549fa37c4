"""Detects what blocks the event loop, with a real thread that samples the loop while it runs and sleeps while it waits."""

import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from webapp.base.current import PerApp

SAMPLE_SECONDS, BLOCKED_SECONDS = 0.05, 0.2
# How many samples after an iteration the thread waits for the next one: waking it up is dearer for the loop than these samples.
LINGERS = 5
# A log flooded with one line hides all others.
LOG_EVERY_SECONDS = 10.0
MOST_FRAMES = 12
BLOCKED = "loop_held"
ROOT = f"{Path(__file__).resolve().parents[3]}/"
# Excluded because they can be installed in a folder of the project.
LIBRARIES = "/site-packages/"
log = logging.getLogger("loop")


class LoopTurn:
    """One iteration of the event loop, between two waits."""

    __slots__ = ("began_at", "stack", "waited")

    def __init__(self, began_at: float) -> None:
        self.began_at, self.waited, self.stack = began_at, 0.0, ""


class Watchdog:
    """Counts iterations of the loop that took too long: 200 ms of CPU time or of sleep in a call that blocks gevent.

    Waiting for a processor does not count: a busy machine is not a blocked loop.
    """

    def __init__(self) -> None:
        self.times, self.seconds = 0, 0.0
        self.listeners: list[Callable[[float], None]] = []
        self._turn: LoopTurn | None = None
        self._is_asleep = False
        self._not_logged, self._logged_at = 0, -LOG_EVERY_SECONDS

    def begin(self, loop: Any, original: Callable[[str, str], Any]) -> None:
        """Watches this thread's loop. `original` returns what a module had before gevent patched it."""
        self._ident = original("_thread", "get_ident")()
        self._clock = time.pthread_getcpuclockid(self._ident)
        self._stat = f"/proc/self/task/{original('threading', 'get_native_id')()}/stat"
        self._sleep, self._wake = original("time", "sleep"), original("_thread", "allocate_lock")()
        self._wake.acquire()
        # The check watcher runs first after the loop has waited, the prepare watcher last before it waits again: everything
        # else runs between.
        self._watchers = loop.check(ref=False, priority=loop.MAXPRI), loop.prepare(ref=False, priority=loop.MINPRI)
        for watcher, callback in zip(self._watchers, (self._begin_turn, self._end_turn), strict=True):
            watcher.start(callback)
        original("_thread", "start_new_thread")(self._watch, ())

    def _begin_turn(self) -> None:
        self._turn = LoopTurn(time.thread_time())
        if self._is_asleep:
            self._is_asleep = False
            if self._wake.locked():
                self._wake.release()

    def _end_turn(self) -> None:
        turn, self._turn = self._turn, None
        if turn and (seconds := time.thread_time() - turn.began_at + turn.waited) >= BLOCKED_SECONDS:
            self.note(seconds, turn.stack, turn.waited)

    def note(self, seconds: float, stack: str, asleep: float = 0.0) -> None:
        """Counts a blocked loop, and logs where it was blocked unless it has just logged one; `asleep` is time without CPU."""
        self.times += 1
        self.seconds += seconds
        for listener in self.listeners:
            listener(seconds)
        if time.monotonic() < self._logged_at + LOG_EVERY_SECONDS:
            self._not_logged += 1
            return
        fields = {"seconds": round(seconds, 3), "asleep": round(asleep, 3), "unsaid_before": self._not_logged, "stack": stack}
        log.warning(BLOCKED, extra={"fields": fields})
        self._logged_at, self._not_logged = time.monotonic(), 0

    def _watch(self) -> None:
        while True:
            self._is_asleep = True
            # An iteration that began before the line above has not released the lock, and waiting would miss it.
            if self._turn is None:
                self._wake.acquire()
            self._sample_on()

    def _sample_on(self) -> None:
        left = LINGERS
        while left:
            if turn := self._turn:
                left = LINGERS
                self._sample(turn)
            else:
                left -= 1
                self._sleep(SAMPLE_SECONDS)

    def _sample(self, turn: LoopTurn) -> None:
        """Records the stack of an iteration that takes too long, then sleeps until the next sample."""
        is_long = time.clock_gettime(self._clock) - turn.began_at + turn.waited >= BLOCKED_SECONDS
        if is_long and not turn.stack and self._turn is turn:
            turn.stack = stack_lines(sys._current_frames().get(self._ident))
        due = time.monotonic() + SAMPLE_SECONDS
        self._sleep(SAMPLE_SECONDS)
        # A sample that comes too late cannot tell how the time in between was spent.
        if self._turn is turn and time.monotonic() < due + SAMPLE_SECONDS / 2 and self._is_sleeping():
            turn.waited += SAMPLE_SECONDS

    def _is_sleeping(self) -> bool:
        """Returns whether the loop's thread waits for something other than a processor, if the system reports it."""
        try:
            file = os.open(self._stat, os.O_RDONLY)
        except OSError:
            return False
        try:
            return os.read(file, 512).rpartition(b")")[2].split()[0] in (b"S", b"D")
        finally:
            os.close(file)


def stack_lines(frame: FrameType | None) -> str:
    """Returns the location of a frame and of our callers, innermost first: files, lines and functions, without any values.

    Only our callers, because a library that calls itself twenty times would hide them.
    """
    names: list[str] = []
    while frame and len(names) < MOST_FRAMES:
        code = frame.f_code
        if not names or (code.co_filename.startswith(ROOT) and LIBRARIES not in code.co_filename):
            names.append(f"{code.co_filename.removeprefix(ROOT)}:{frame.f_lineno} {code.co_qualname}")
        frame = frame.f_back
    return " < ".join(names)


WATCHDOG = PerApp[Watchdog]()
