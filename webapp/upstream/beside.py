"""Reads what is large in a real thread: a reply of sixteen megabytes takes a fifth of a second."""

from collections.abc import Callable
from typing import TypeVar

import gevent
from gevent.lock import BoundedSemaphore

LARGE_BYTES = 256 * 1024
T = TypeVar("T")
# Two would take turns with the loop, and with each other.
_reading = BoundedSemaphore(1)


def read_beside(read: Callable[[bytes], T], content: bytes) -> T:
    """What `read` makes of it, while others go on if it is large; it raises nothing, which would be taken for a fault of ours."""
    if len(content) <= LARGE_BYTES:
        return read(content)
    with _reading:
        value: T = gevent.get_hub().threadpool.apply(read, (content,))
        return value
