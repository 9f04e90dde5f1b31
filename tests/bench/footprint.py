"""Memory of a program with every process it starts: what a machine must have free to run it.

    python -m tests.bench.footprint [--] COMMAND [ARGUMENT...]

The peak of a sum, sampled while they run, of two parts:

- their own memory (heaps, stacks, pages written), each page that a fork shares with its parent counted once;
- what they have mapped of files (programs, libraries), each page that several of them map counted once.

The kernel's PSS is nearly that, but divides a library's pages by everybody who has it mapped: the same program run a
second time beside it would make the first one look smaller. `getrusage`'s maximum is of the largest single process.
Linux only: it reads /proc.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

PAUSE_SECONDS = 0.02
BUSY_FRAC = 0.1
"""Of a core, what sampling may take of what it watches: the pause is longer where a sample takes long."""
FILES_EVERY = 3
"""Samples of their own memory for each of what they map of files, which takes longer to read. A peak is always of one
moment: both are read for it."""


class Sample(NamedTuple):
    """Memory at one moment, bytes.

    Attributes:
        own: Memory of the processes themselves.
        files: What they have mapped of files; clean pages of it the kernel can drop and read again.
        processes: Pid, command line and own memory of each.
    """

    own: int
    files: int
    processes: tuple[tuple[int, str, int], ...]

    @property
    def total(self) -> int:
        """All of it."""
        return self.own + self.files


class Footprint:
    """Watches programs while the `with` block lasts.

    Attributes:
        peak: The sample with the largest total so far.
    """

    def __init__(self) -> None:
        self.peak = Sample(0, 0, ())
        self._roots: tuple[int, ...] = ()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Footprint:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def watch(self, pid: int) -> None:
        """Count this process, and all that it starts, from now on."""
        self._roots += (pid,)

    def _sample(self) -> None:
        files, known = 0, frozenset[int]()
        for turn in range(sys.maxsize):
            started = time.thread_time()
            pids = descendants(self._roots)
            own = [own_memory(pid) for pid in pids]
            due = turn % FILES_EVERY == 0 or known != frozenset(pids)
            if due or sum(own) + files > self.peak.total:
                files, known = mapped_files(pids), frozenset(pids)
            if sum(own) + files > self.peak.total:
                named = tuple((pid, command_of(pid), size) for pid, size in zip(pids, own, strict=True))
                self.peak = Sample(sum(own), files, named)
            if self._ended.wait(max(PAUSE_SECONDS, (time.thread_time() - started) / BUSY_FRAC)):
                return


def descendants(roots: Iterable[int]) -> list[int]:
    """The processes and all that they have started, as far as they still run."""
    found, waiting = [], list(roots)
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        with suppress(OSError):  # it has ended
            for thread in Path(f"/proc/{pid}/task").iterdir():
                waiting.extend(int(child) for child in (thread / "children").read_text().split())
    return found


def own_memory(pid: int) -> int:
    """Anonymous memory of a process in bytes, in swap too; 0 where it has ended."""
    wanted = (b"Pss_Anon:", b"SwapPss:")
    lines = _lines(pid, "smaps_rollup")
    return sum(int(line.split()[1]) for line in lines if line.startswith(wanted)) * 1024


def mapped_files(pids: Iterable[int]) -> int:
    """Bytes of files that the processes have mapped and not written to; of a part that several map, the most that one
    of them does."""
    parts: dict[tuple[bytes, ...], int] = defaultdict(int)
    for pid in pids:
        for part, size in _file_parts(pid).items():
            parts[part] = max(parts[part], size)
    return sum(parts.values())


def command_of(pid: int) -> str:
    """Its command line."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    return ""


def _file_parts(pid: int) -> dict[tuple[bytes, ...], int]:
    """Device, inode and offset of each mapped part of a file, with the bytes of it that are in memory as they are in
    the file."""
    parts: dict[tuple[bytes, ...], int] = defaultdict(int)
    part: tuple[bytes, ...] | None = None
    for line in _lines(pid, "smaps"):
        words = line.split(maxsplit=5)
        if not words[0].endswith(b":"):
            _, _, offset, device, inode = words[:5]
            part = None if inode == b"0" else (device, inode, offset)
        elif part is not None and words[0] in (b"Rss:", b"Anonymous:"):
            parts[part] += int(words[1]) * (1024 if words[0] == b"Rss:" else -1024)
    return parts


def _lines(pid: int, name: str) -> list[bytes]:
    with suppress(OSError):
        return Path(f"/proc/{pid}/{name}").read_bytes().splitlines()
    return []


def main() -> None:
    """Run a command and say what it needed."""
    command = sys.argv[2:] if sys.argv[1:2] == ["--"] else sys.argv[1:]
    if not command:
        sys.exit((__doc__ or "").partition("\n\n")[2].partition("\n\n")[0].strip())
    with Footprint() as memory:
        process = subprocess.Popen(command)
        memory.watch(process.pid)
        process.wait()
    peak = memory.peak
    for pid, name, size in sorted(peak.processes, key=lambda one: -one[2]):
        print(f"{size / 2**20:8,.0f} MB  {pid} {name[:100]}", file=sys.stderr)
    own, files, total = (size / 2**20 for size in (peak.own, peak.files, peak.total))
    print(f"{total:8,.0f} MB  their own {own:,.0f}, of files {files:,.0f}", file=sys.stderr)
    sys.exit(process.returncode)


if __name__ == "__main__":
    main()
