"""Freed memory stays with the process until other work begins."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

CODE = """
from pathlib import Path
import numpy as np, pyarrow as pa
from flows.heap import give_back_freed_memory, keep_freed_memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

print(keep_freed_memory(), pa.default_memory_pool().backend_name)
before = resident()
blocks = [np.ones(4 << 20, np.uint8) for _ in range(5)]
del blocks
print(resident() - before > 16 << 20)
give_back_freed_memory()
print(resident() - before < 4 << 20)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator than glibc's keeps what it likes")
def test_freed_blocks_are_kept_until_they_are_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "system", "True", "True"]
