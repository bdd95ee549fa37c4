"""Makes the C library return the memory of large texts to the system as soon as it is freed."""

import ctypes

# By default, glibc raises this threshold to the size of what is freed, and keeps anything smaller in its heap among small
# allocations.
LARGE_BYTES = 256 * 1024
M_MMAP_THRESHOLD = -3


def return_large_blocks() -> None:
    """Fixes glibc's mmap threshold, so that larger blocks are unmapped when freed; has no effect on other C libraries."""
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
