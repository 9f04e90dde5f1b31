"""What a process that judges pages keeps of memory between its batches.

Each batch of pages takes and frees the same dozens of arrays of up to megabytes. glibc returns blocks of that size to
the system at once, and every page of the next batch is then faulted in anew, which cost more than decoding its text.
Larger blocks, of a batch with a giant page in it, do go back, and so does what is free beyond a few batches' need.
Arrow takes its memory from the same place: an allocator of its own keeps as much again for itself.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress
from functools import cache

import pyarrow as pa

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h
_LARGEST_KEPT, _MOST_KEPT = 8 << 20, 24 << 20  # bytes


@cache
def keep_freed_memory() -> bool:
    """Ask the allocator to keep freed blocks for this process; false where it is not glibc's and knows no such wish."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    pa.set_memory_pool(pa.system_memory_pool())
    return bool(mallopt(_MMAP_THRESHOLD, _LARGEST_KEPT) and mallopt(_TRIM_THRESHOLD, _MOST_KEPT))


def give_back_freed_memory() -> None:
    """Let go of what `keep_freed_memory` kept: other work begins. Does nothing where the allocator is not glibc's."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
