"""Has the C library give back at once what large texts took."""

import ctypes

# By itself glibc treats what is freed as what comes next, and then keeps all that is not larger among what is small.
LARGE_BYTES = 256 * 1024
M_MMAP_THRESHOLD = -3


def give_back_what_was_large() -> None:
    """From now on whatever is larger goes back to the system when it is freed; other C libraries do as they do."""
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
