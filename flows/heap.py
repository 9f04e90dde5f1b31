"""Memory between batches: kept by the process, not given back to the system and asked for again.

Each batch of pages takes and frees the same dozens of arrays of up to megabytes. glibc returns blocks of that size to
the system at once, and every page of the next batch is then faulted in anew, which cost more than decoding its text.
Larger blocks, of a batch with a giant page in it, do go back, and so does what is free beyond a few batches' need.
"""

from __future__ import annotations

import ctypes
from functools import cache

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h
_LARGEST_KEPT, _MOST_KEPT = 8 << 20, 24 << 20  # bytes


@cache
def keep_freed_memory() -> bool:
    """Ask the allocator to keep freed blocks for this process; false where it is not glibc's and knows no such wish."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGEST_KEPT) and mallopt(_TRIM_THRESHOLD, _MOST_KEPT))
