"""Kernels whose code is kept start without what compiling takes."""

from __future__ import annotations

import subprocess
import sys

from pipeline.batch import DocumentBatch

CALL = """
import sys
import numpy as np
from pipeline.kernels import kept
kept._KNOWN = {known} and kept._KNOWN
from pipeline.kernels.xxh64 import xxh64
data = np.frombuffer(b"kept", np.uint8)
print(hex(xxh64(data.ctypes.data, 4)), "numba.np.polynomial.polynomial_core" in sys.modules)
"""
LINK = """
from numba import njit
from numba.core.runtime.nrt import rtsys
print(rtsys._init)
longer = njit(lambda data, pointer: (np.append(data, data), xxh64(pointer, len(data))))
again, value = longer(data, data.ctypes.data)
print(hex(value), again.tobytes().decode())
"""


def run(code: str) -> list[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_kept_code_needs_no_compiler_and_gives_the_same() -> None:
    first = run(CALL.format(known=False))  # numba's own way, where it has not the names that ours needs
    second = run(CALL.format(known=True) + LINK)
    assert second[:2] == [first[0], "False"]
    assert second[2:] == ["False", first[0], "keptkept"]  # and what is compiled later is linked with it


def test_nothing_to_read_is_read_by_the_same_code() -> None:
    """An empty text's bytes are as read-only as others': kernels would be compiled once more for any difference."""
    some, none = (DocumentBatch.of_texts(texts).utf8.data for texts in (["some"], [""]))
    assert some.flags.writeable == none.flags.writeable and some.dtype == none.dtype
    assert not len(none)
