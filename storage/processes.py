"""Processes of this machine, told apart from others that had or will have their number."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from pathlib import Path


@cache
def machine() -> str:
    """Names this boot and process namespace, for only there a process number says anything; empty where unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def began_at(process: int) -> str | None:
    """When a process began, in clock ticks; None where it no longer runs, and on systems other than Linux.

    One that was killed stays listed, as a zombie, until it is reaped.
    """
    try:
        parts = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return None if parts[0] in "ZX" else parts[19]
    except (OSError, IndexError):
        return None


def is_running(process: int) -> bool:
    """Whether a process of this machine still runs; one that was killed and not reaped does not, where /proc tells."""
    if Path("/proc/self").exists():
        return began_at(process) is not None
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def processes_with(*marks: bytes) -> list[int]:
    """Processes of this machine that we may look into and that were started with such variables in their environment:
    all of `NAME=beginning of the value`, or of the whole value where a NUL ends it (Linux; elsewhere none)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            variables = b"\0" + entry.read_bytes()
            if all(b"\0" + mark in variables for mark in marks):
                found.append(int(entry.parent.name))
    return found
