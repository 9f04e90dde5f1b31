"""Machine code that is on disk already, made ready without what making it takes.

numba does three things before it runs kept code that only compiling needs: it loads its compiler's tables, has LLVM
compile its run-time, and parses LLVM's own form of every kernel, so that others could be linked with it. Here each is
done once something is compiled, which in most processes never happens: they take half a second and 60 MB.
"""

from __future__ import annotations

import importlib
from functools import cache, partial
from typing import Any, NoReturn

from llvmlite import binding  # type: ignore[import-untyped]
from numba import config
from numba.core import codegen, compiler
from numba.core.runtime import nrt
from numba.np import linalg

_JitLibrary: Any = getattr(codegen, "JITCodeLibrary", object)
_JitEngine: Any = getattr(codegen, "JitEngine", object)
_RunTime: Any = getattr(nrt, "_nrt", None)
_CompileResult: Any = getattr(compiler, "CompileResult", None)

_KNOWN = (
    all(hasattr(_JitLibrary, name) for name in ("_set_compiled_object", "_finalize_final_module"))
    and all(hasattr(_JitLibrary, name) for name in ("enable_object_caching", "_get_module_for_linking"))
    and all(hasattr(_JitEngine, name) for name in ("_load_defined_symbols", "is_symbol_defined"))
    and hasattr(_CompileResult, "_rebuild")
    and hasattr(_RunTime, "c_helpers")
)
"""Whether numba has all that is used here and is private to it. Where not, kept code is loaded in numba's own way."""


class _KeptLibrary(_JitLibrary):  # type: ignore[misc]
    """A kernel's code. LLVM's form of it is parsed when something is linked with it, or asks for another function of it
    than the one that Python calls."""

    _shared_module: Any

    def __init__(self, owner: Any, name: str, entry: str, code: bytes, bitcode: bytes) -> None:
        super().__init__(owner, name)
        self._entry, self._bitcode = entry, bitcode
        self.enable_object_caching()
        self._set_compiled_object(code)
        self._finalize_final_module()

    def get_pointer_to_function(self, name: str) -> int:
        """Address of a function; 0 where it is not part of this code."""
        if name == self._entry:
            return int(self._codegen._engine.get_function_address(name))
        if not self._codegen._engine.is_symbol_defined(name):
            self._codegen._engine._load_defined_symbols(self._get_module_for_linking())
        return int(super().get_pointer_to_function(name))

    def _get_module_for_linking(self) -> Any:
        if self._shared_module is None:
            self._shared_module = binding.parse_bitcode(self._bitcode)
        return self._shared_module


def load_kept(kernels: Any, signature: Any, target: Any) -> Any:
    """The kept code of a kernel.

    Args:
        kernels: numba's cache of the kernel's code.
        signature: The types it is called with.
        target: numba's context, of this machine.

    Returns:
        numba's compile result; None where none is kept, and one is to be compiled.
    """
    _spare_linear_algebra()
    with kernels._guard_against_spurious_io_errors():
        if not (_KNOWN and hasattr(kernels, "_index_key")) or getattr(config, "NRT_STATS", False):
            nrt.rtsys.initialize(target)  # what counts references to arrays
            return kernels._load_overload(signature, target)
        found = kernels._cache_file.load(kernels._index_key(signature, target.codegen()))
        return None if found is None else _made_ready(found, target)


def _made_ready(found: Any, target: Any) -> Any:
    match found:
        case ((str() as name, "object", (bytes() as code, bytes() as bitcode)), description, *rest):
            _offer_run_time()
            owner = target.codegen()
            _accept_libraries(owner)
            make = partial(_KeptLibrary, owner, name, description.llvm_cpython_wrapper_name, code, bitcode)
            return _CompileResult._rebuild(target, make, description, *rest)
        case _:
            nrt.rtsys.initialize(target)
            return _CompileResult._rebuild(target, *found)


@cache
def _offer_run_time() -> None:
    """Tell LLVM where the functions of numba's run-time are that kernels call. What `rtsys.initialize` has LLVM compile
    besides is part of each kernel's code already."""
    for name, address in _RunTime.c_helpers.items():
        binding.add_symbol(name if name.startswith("_") else f"NRT_{name}", address)


@cache
def _accept_libraries(owner: Any) -> None:
    """Let numba's code generator take what makes a library in place of the bytes of one."""
    from_bytes = owner.unserialize_library
    owner.unserialize_library = lambda given: given() if isinstance(given, partial) else from_bytes(given)


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
