"""The benchmark's measure of memory: what several processes share counts once."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.bench.footprint import Footprint, descendants, mapped_files, own_memory

SHARES = """
import os, sys
block = bytearray(os.urandom(1 << 20) * 64)
child = os.fork()
if child == 0:
    part = bytearray(os.urandom(1 << 20) * 32)
    print("ready", flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="the memory of a process is in /proc on Linux only")
def test_what_processes_share_counts_once() -> None:
    pipe = subprocess.PIPE
    with (
        Footprint() as watched,
        subprocess.Popen([sys.executable, "-c", SHARES], stdin=pipe, stdout=pipe, text=True) as process,
    ):
        assert process.stdin and process.stdout
        process.stdout.readline()
        watched.watch(process.pid)
        pids = descendants([process.pid])
        own = sum(own_memory(pid) for pid in pids) / 2**20
        files = [mapped_files(some) for some in ([process.pid], pids)]
        while len(watched.peak.processes) < 2:
            time.sleep(0.01)
        process.stdin.close()
    assert len(pids) == 2 and 96 <= own < 96 + 32
    assert files[0] <= files[1] < 1.5 * files[0]
    assert 96 <= watched.peak.own / 2**20 < 96 + 32
