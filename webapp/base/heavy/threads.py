"""Real threads for long computations in C that release the interpreter lock: hashes, compression, reads of SQLite.

A function that runs in one takes no lock that gevent has patched, such as those of `threading`, `logging` and imports: of two
threads that wait for the same one, one can wait for ever. `tests/support/locks.py` fails a test in which it happens.
"""

import logging
from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property, partial
from typing import Any, ParamSpec, TypeVar, cast

import gevent
from gevent.event import AsyncResult
from gevent.monkey import get_original
from gevent.threadpool import ThreadPool

from webapp.base.errors import Unavailable
from webapp.base.heavy.work_limiter import WorkLimiter, whose

# Twice as long as the longest bounded read: no call takes this long unless it never ends.
LOST_SECONDS = 60.0
# A fault that loses thread after thread must not start them without end.
MOST_LOST = 16
LOST = "thread_lost"
LATE = "That took too long. Please try again."
log = logging.getLogger("web:threads")
get_thread_ident = get_original("_thread", "get_ident")
allocate_native_lock = get_original("_thread", "allocate_lock")
P = ParamSpec("P")
T = TypeVar("T")


class ThreadGroup:
    """A few real threads for one purpose, with one call at a time for each person, so that no one's many requests fill them.

    A call that does not come back counts as lost: its caller is refused, and one more thread takes its place.
    """

    def __init__(self, purpose: str, size: int, *, most_each: int = 1, lost_seconds: float = LOST_SECONDS) -> None:
        self.purpose, self.size, self.busy, self.lost = purpose, size, 0, 0
        self._limiter = WorkLimiter(most=size, most_each=most_each)
        self._lost_seconds = lost_seconds

    @cached_property
    def _pool(self) -> ThreadPool:
        return ThreadPool(self.size)

    @property
    def free(self) -> int:
        return self.size - self.busy

    def run(self, function: Callable[[], T]) -> T:
        """Returns the function's result from a thread; waits for its turn, and raises `Unavailable` if either takes too long.

        The slot stays taken until the thread is free, even if the caller is gone before that.
        """
        leave = self._limiter.enter(whose())
        self.busy += 1
        result, is_lost = AsyncResult(), False
        clock = gevent.get_hub().loop.timer(self._lost_seconds)

        def free() -> None:
            self.busy -= 1
            leave()

        def lose() -> None:
            nonlocal is_lost
            if result.ready() or self.lost >= MOST_LOST:
                return
            is_lost = True
            self._resize(1)
            log.error(LOST, extra={"fields": {"purpose": self.purpose, "function": repr(function), "lost": self.lost}})
            free()
            result.set_exception(Unavailable(LATE))

        def end(outcome: Any) -> None:
            clock.close()
            if is_lost:
                self._resize(-1)
            else:
                free()
                result(outcome)

        with ExitStack() as stack:
            # The caller can be ended while the last thread becomes free.
            stack.callback(free)
            outcome = self._pool.spawn(_result_of, function)
            stack.pop_all()
        outcome.rawlink(end)
        clock.start(gevent.spawn, lose)
        return cast(T, result.get())

    def _resize(self, change: int) -> None:
        self.lost += change
        self._pool.maxsize = self.size + self.lost


# Passwords have threads of their own, so that people can sign in whatever else the server does. Signing in has a rate limit.
PASSWORDS = ThreadGroup("passwords", 2, most_each=2)
READS = ThreadGroup("reads", 2)
COMPUTATIONS = ThreadGroup("computations", 2)
ALL_THREADS = PASSWORDS, READS, COMPUTATIONS


def offload(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs a slow computation in a real thread, so that the hub can run other greenlets.

    Pure Python in a thread still competes with the event loop for the interpreter lock, five milliseconds at a time.
    """
    return COMPUTATIONS.run(partial(function, *args, **kwargs))


def offload_expecting(expected: type[Exception], function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs a function that can raise `expected`; any other exception in a thread is reported as a bug by the hub."""
    return _given(expected, offload(_outcome(expected, partial(function, *args, **kwargs))))


def offload_now(expected: type[Exception], function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Does the same without queueing, for the one greenlet that holds the turn to write, as all other writers wait for it."""
    outcome: T | Exception = gevent.get_hub().threadpool.apply(_outcome(expected, partial(function, *args, **kwargs)))
    return _given(expected, outcome)


def set_aside(hub: Any, function: Callable[[], object]) -> None:
    """Makes this hub offload a function, without waiting for it; can be called from any thread."""
    hub.loop.run_callback_threadsafe(gevent.spawn, offload, function)


def on_loop(hub: Any, function: Callable[[], T]) -> T:
    """Returns the result of a function that takes locks, such as an import; code in a thread has this hub run it."""
    if hub.thread_ident == get_thread_ident():
        return function()
    done, starting = allocate_native_lock(), list[Any]()
    done.acquire()

    def begin() -> None:
        starting.append(gevent.spawn(function))
        starting[0].link(lambda _: done.release())

    hub.loop.run_callback_threadsafe(begin)
    done.acquire()
    return cast(T, starting[0].get(block=False))


def _result_of(function: Callable[[], T]) -> T:
    return function()


def _outcome(expected: type[Exception], function: Callable[[], T]) -> Callable[[], T | Exception]:
    def outcome() -> T | Exception:
        try:
            return function()
        except expected as error:
            return error

    return outcome


def _given(expected: type[Exception], result: T | Exception) -> T:
    if isinstance(result, expected):
        raise result
    return cast(T, result)
