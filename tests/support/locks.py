"""Fails when code in a real thread takes a lock of gevent's that others can hold: one of two that wait can hang for ever.

It replaces methods of gevent's lock type, from which the locks of `threading`, `logging`, `queue` and imports are made.
"""

import sys
from types import FrameType
from typing import Any

from gevent.monkey import get_original
from gevent.thread import LockType

from webapp.base.heavy import threads

WORDS = "Code in a thread took a lock of gevent's. Do this part before `offload`, by `on_loop`, or not in a thread."


def refuse_in_threads() -> None:
    """From now on, a function in `webapp.base.heavy.threads` that takes a lock made by another thread raises `AssertionError`."""
    # Locals, as there are no globals any more while Python ends.
    thread, begin, take = get_original("_thread", "get_ident"), LockType.__init__, LockType.acquire
    loop = thread()

    def born(lock: Any) -> None:
        begin(lock)
        lock.thread = thread()

    def checked(lock: Any, *args: Any, **named: Any) -> bool:
        here = thread()
        if here != loop and getattr(lock, "thread", loop) != here and _is_offloaded(sys._getframe(1)):
            raise AssertionError(WORDS)
        return take(lock, *args, **named)

    LockType.__init__, LockType.acquire, LockType.__enter__ = born, checked, checked


def _is_offloaded(frame: FrameType | None) -> bool:
    while frame and frame.f_code.co_filename != threads.__file__:
        frame = frame.f_back
    return frame is not None
