"""Kernels whose code is kept start without what compiling takes."""

from __future__ import annotations

import subprocess
import sys

CALL = """
import sys
import numpy as np
from pipeline.kernels.xxh64 import xxh64
data = np.frombuffer(b"kept", np.uint8)
print(hex(xxh64(data.ctypes.data, 4)), "numba.np.polynomial.polynomial_core" in sys.modules)
"""


def test_kept_code_needs_no_compiler_and_gives_the_same() -> None:
    first, second = (
        subprocess.run([sys.executable, "-c", CALL], capture_output=True, text=True, check=True).stdout.split()
        for _ in range(2)
    )
    assert second == [first[0], "False"]
