"""Real threads for what computes long in C and lets go of the interpreter meanwhile: hashes, compression."""

from collections.abc import Callable
from functools import partial
from typing import Any, ParamSpec, TypeVar, cast

import gevent
from gevent.lock import BoundedSemaphore

# Real threads are few, and name look-ups share them.
_offloading = BoundedSemaphore(2)
P = ParamSpec("P")
T = TypeVar("T")


def offload(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs a slow computation in a real thread, so that the hub goes on meanwhile.

    Pure Python in a thread still takes turns with the loop for the interpreter, five milliseconds at a time.
    """
    with _offloading:
        result: T = gevent.get_hub().threadpool.apply(function, args, kwargs)
        return result


def offload_expecting(expected: type[Exception], function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The same for what may raise this: by itself, what is raised in a thread is taken for a fault of ours."""
    return _given(expected, offload(_outcome(expected, partial(function, *args, **kwargs))))


def offload_at_once(expected: type[Exception], function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The same for whoever has the turn to write, of whom there is one: all others wait for them, and nobody before them."""
    found: T | Exception = gevent.get_hub().threadpool.apply(_outcome(expected, partial(function, *args, **kwargs)))
    return _given(expected, found)


def set_aside(hub: Any, function: Callable[[], object]) -> None:
    """Has this hub run it in a real thread while everybody goes on; may be called from any thread."""
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
    """As `offload` for one that ends by itself in time: raises `TimeoutError` when that, with its turn, takes longer."""
    with gevent.Timeout(seconds, TimeoutError):
        return offload(function, *args, **kwargs)
