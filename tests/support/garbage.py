"""What the process of the tests has gathered, which is far more than a server's."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def left_alone() -> Iterator[None]:
    """Inside, nobody looks for garbage: to look through what thousands of tests have left takes most of a second."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
