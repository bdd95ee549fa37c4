"""Real threads for long computations in C that release the interpreter lock: hashes, compression."""

from collections.abc import Callable
from functools import partial
from typing import Any, ParamSpec, TypeVar, cast

import gevent
from gevent.lock import BoundedSemaphore

# The thread pool is small, and DNS queries share it.
_offloading = BoundedSemaphore(2)
P = ParamSpec("P")
T = TypeVar("T")


def offload(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs a slow computation in a real thread, so that the hub can run other greenlets.

    Pure Python in a thread still competes with the event loop for the interpreter lock, five milliseconds at a time.
    """
    with _offloading:
        result: T = gevent.get_hub().threadpool.apply(function, args, kwargs)
        return result


def offload_expecting(expected: type[Exception], function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs a function that can raise `expected`; any other exception in a thread is reported as a bug by the hub."""
    return _given(expected, offload(_outcome(expected, partial(function, *args, **kwargs))))


def offload_at_once(expected: type[Exception], function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Does the same without queueing, for the one greenlet that holds the turn to write, as all other writers wait for it."""
    found: T | Exception = gevent.get_hub().threadpool.apply(_outcome(expected, partial(function, *args, **kwargs)))
    return _given(expected, found)


def set_aside(hub: Any, function: Callable[[], object]) -> None:
    """Makes this hub run a function in a real thread, without waiting for it; can be called from any thread."""
    hub.loop.run_callback_threadsafe(gevent.spawn, hub.threadpool.apply, function)


def _outcome(expected: type[Exception], function: Callable[[], T]) -> Callable[[], T | Exception]:
    def outcome() -> T | Exception:
        try:
            return function()
        except expected as error:
            return error

    return outcome


def _given(expected: type[Exception], found: T | Exception) -> T:
    if isinstance(found, expected):
        raise found
    return cast(T, found)


def offload_within(seconds: float, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs like `offload` a function that ends by itself in time; raises `TimeoutError` if it takes longer, with queueing."""
    with gevent.Timeout(seconds, TimeoutError):
        return offload(function, *args, **kwargs)
