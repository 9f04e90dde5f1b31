"""What a process that judges pages keeps of memory between its batches, and what of its start.

Each batch of pages takes and frees the same dozens of arrays of up to megabytes. glibc returns blocks of that size to
the system at once, and every page of the next batch is then faulted in anew, which cost more than decoding its text.
Larger blocks, of a batch with a giant page in it, do go back, and so does what is free beyond a few batches' need.
Arrow takes its memory from the same place: an allocator of its own keeps as much again for itself.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Literal

import pyarrow as pa

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h
_LARGEST_KEPT, _MOST_KEPT = 8 << 20, 24 << 20  # bytes
_MADV_DONTNEED = 4  # of Linux

_CODE = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) r-xp \S+ \S+ [1-9]", re.MULTILINE)  # mapped from a file
_SIZE = re.compile(r"^(Rss|Anonymous|Swap): +(\d+) kB", re.MULTILINE)


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


@cache
def give_back_code(after: Literal["imports", "the first batch"]) -> int:
    """Let go of the code that this took and what follows may not: bytes of it; 0 where there is no /proc, and where it
    was done before in this process.

    To load LLVM's library alone, 32 MB of it are read, of which kept kernels need 13; when the first batch has loaded
    these, nothing of it is run any more. What is needed is mapped again, from the file, when it is run. Code is never
    written to, so that nothing can be lost; parts that something did write to, a debugger say, are left.
    """
    with suppress(OSError, AttributeError, LookupError, ValueError):
        madvise = ctypes.CDLL(None).madvise
        madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        parts = _code(Path("/proc/self/smaps").read_text())
        return sum(mapped for start, size, mapped in parts if madvise(start, size, _MADV_DONTNEED) == 0)
    return 0


def _code(told: str) -> Iterator[tuple[int, int, int]]:
    """Address, length and bytes in memory of every mapped part of a file that is code, as the file has it.

    Args:
        told: /proc/PID/smaps.
    """
    for head in _CODE.finditer(told):
        start, end = (int(address, 16) for address in head.groups())
        sizes = {name: int(size) for name, size in _SIZE.findall(told, head.end(), told.index("VmFlags", head.end()))}
        if sizes["Rss"] and not sizes["Anonymous"] and not sizes["Swap"]:
            yield start, end - start, sizes["Rss"] * 1024
