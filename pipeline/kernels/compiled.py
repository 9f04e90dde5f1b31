"""How kernels become machine code: `compiled` (kept on disk, never stale) and, for their parts, `inlined`, `called`."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, NoReturn

from numba import njit
from numba.core.runtime.nrt import rtsys
from numba.np import linalg

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
        cache.load_overload = partial(_load, cache)
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


def _load(cache: Any, signature: Any, target: Any) -> Any:
    """The kept code of a kernel; None where there is none yet.

    numba would first load all that compiling takes, which what is compiled already does not ask for. Where something
    is to be compiled, numba's compiler loads it then.
    """
    _spare_linear_algebra()
    rtsys.initialize(target)  # what counts references to arrays
    with cache._guard_against_spurious_io_errors():
        return cache._load_overload(signature, target)


@cache
def _spare_linear_algebra() -> None:
    """Load numba's array functions without scipy.linalg, which they ask for only to see whether it is there: 0.2 s and
    40 MB in every process. `np.dot` in a filter of the user's own still finds it; `np.cov` does not compile."""
    asked = linalg.ensure_blas
    linalg.ensure_blas = _answer_no
    try:
        importlib.import_module("numba.np.arraymath")
    finally:
        linalg.ensure_blas = asked


def _answer_no() -> NoReturn:
    raise ImportError("no linear algebra in kernels")


@cache
def _kernel_sources() -> str:
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()
