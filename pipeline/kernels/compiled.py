"""How kernels become machine code: `compiled` (kept on disk, never stale) and, for their parts, `inlined`, `called`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

from numba import njit

from pipeline.kernels.kept import load_kept
from pipeline.mapped_code import give_back_code

give_back_code("numba")  # LLVM's, before other libraries come on top of it

_UNCOUNTED: dict[str, Any] = {"nogil": True, "_nrt": False}  # numba's run-time counts references to arrays


def compiled(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """Compile at the first call (not at import), without the GIL, and keep the code beside the source.

    numba throws kept code away when the kernel's own file changes, but not when a kernel that it calls, or a
    constant that it uses, changes in another file. Here any change to a file of this folder makes the code
    anew.
    """
    dispatcher = njit(cache=True, nogil=True)(kernel)
    cache = getattr(dispatcher, "_cache", None)
    if cache is not None and hasattr(cache, "_load_overload"):  # private to numba as well
        cache.load_overload = partial(load_kept, cache)
    kept = getattr(cache, "_cache_file", None)
    if kept is not None and hasattr(kept, "_source_stamp"):  # private to numba; without it numba's own rule stays
        kept._source_stamp = (kept._source_stamp, _kernel_sources())
    return dispatcher


def inlined(part: Callable[..., Any]) -> Callable[..., Any]:
    """A small part of a kernel, always inlined. It must allocate nothing.

    Neither this nor `called` counts references to its arrays, which would cost more than most of them do: the kernel
    that calls holds them.
    """
    machine_code: Callable[..., Any] = njit(forceinline=True, **_UNCOUNTED)(part)
    return machine_code


def called(part: Callable[..., Any]) -> Callable[..., Any]:
    """A large or rare part of a kernel, called and not inlined. It must allocate nothing."""
    machine_code: Callable[..., Any] = njit(**_UNCOUNTED)(part)
    return machine_code


@cache
def _kernel_sources() -> str:
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()
