"""Parses large replies in a real thread: sixteen megabytes take a fifth of a second."""

from collections.abc import Callable
from typing import TypeVar

import gevent
from gevent.lock import BoundedSemaphore

LARGE_BYTES = 256 * 1024
T = TypeVar("T")
# One at a time: two threads would compete for the interpreter lock with the event loop and with each other.
_reading = BoundedSemaphore(1)


def read_in_thread(read: Callable[[bytes], T], content: bytes) -> T:
    """Returns `read(content)`, computed in a thread if large; `read` must not raise, as the hub would report that as a bug."""
    if len(content) <= LARGE_BYTES:
        return read(content)
    with _reading:
        value: T = gevent.get_hub().threadpool.apply(read, (content,))
        return value
