"""Garbage collection in the test process, which holds far more objects than a server's."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def left_alone() -> Iterator[None]:
    """Disables garbage collection inside the block: one pass over what thousands of tests leave takes most of a second."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
