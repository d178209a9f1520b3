"""What the C library does with memory that a computation has freed: keep it at hand, or give it back.

A network's pass frees some hundred megabytes and asks for them again a moment later. glibc gives blocks of that size
back to the system at once, and dask has its workers give back all from 64 KB on, so that each pass has its pages
cleared anew: up to half of its time on two cores (`benchmarks/allocator.py`).
"""

import ctypes
from contextlib import suppress

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of `mallopt`, from glibc's malloc.h."""
KEPT_BYTES = 2**30
"""So much freed memory is kept; single blocks from this size on go back at once."""


def keep_freed() -> None:
    """Keep what is freed from now on for what is asked for next; without effect where the C library is not glibc."""
    with suppress(AttributeError, OSError):
        library = ctypes.CDLL(None)
        library.mallopt(_MMAP_THRESHOLD, KEPT_BYTES)
        library.mallopt(_TRIM_THRESHOLD, KEPT_BYTES)


def give_back() -> None:
    """Give all freed memory back to the system; without effect where the C library is not glibc."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
