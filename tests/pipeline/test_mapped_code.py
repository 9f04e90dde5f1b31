"""Code that is given back is not missed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.mapped_code import _code

MAPPING = """7f0000000000-7f0000{end:06x} {rights} 00001000 fe:00 {inode} /lib/a.so
Size:                 64 kB
Rss:                  48 kB
Anonymous:            {anonymous} kB
Swap:                 {swap} kB
VmFlags: rd ex mr mw me
"""


@pytest.mark.parametrize(
    ("changes", "given_back"),
    [
        ({}, [(0x7F0000000000, 0x10000, 48 << 10)]),
        ({"rights": "rw-p"}, []),
        ({"rights": "r--p"}, []),  # addresses that the loader wrote lie in such
        ({"rights": "r-xs"}, []),
        ({"inode": 0}, []),
        ({"anonymous": 4}, []),
        ({"swap": 4}, []),
    ],
)
def test_only_code_as_its_file_has_it_is_given_back(
    changes: dict[str, object], given_back: list[tuple[int, int, int]]
) -> None:
    usual: dict[str, object] = {"end": 0x10000, "rights": "r-xp", "inode": 77, "anonymous": 0, "swap": 0}
    told = MAPPING.format(**usual | changes) + MAPPING.format(**usual | {"rights": "rw-p"})
    assert list(_code(told)) == given_back


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="the memory of a process is in /proc on Linux only")
def test_a_process_goes_on_without_the_code_it_gave_back() -> None:
    code = """
import pyarrow as pa, pyarrow.compute as pc, zlib
from pipeline.mapped_code import give_back_code
size = give_back_code("imports")
print(size > 1 << 20, pc.sum(pa.array(range(100_000))).as_py(), zlib.crc32(b"kept"))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "4999950000", "4213729798"]
