"""The code that a process has in memory: loading a library takes more of it than running the library does."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Literal

_MADV_DONTNEED = 4  # of Linux

_CODE = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) r-xp \S+ \S+ [1-9]", re.MULTILINE)  # mapped from a file
_SIZE = re.compile(r"^(Rss|Anonymous|Swap): +(\d+) kB", re.MULTILINE)


@cache
def give_back_code(after: Literal["numba", "imports", "the first batch"]) -> int:
    """Let go of the code that this took and what follows may not: bytes of it; 0 where there is no /proc, and where it
    was done before in this process.

    To load LLVM's library alone, 32 MB of it are read, and 97 where the file lies in memory in large pieces; kept
    kernels need 13, and when the first batch has loaded these, nothing of it is run any more. What is needed is mapped
    again, from the file, when it is run. Code is never written to, so that nothing can be lost; parts that something
    did write to, a debugger say, are left.
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
