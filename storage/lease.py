"""The right to write one part of a lake: held by one run at a time, and lost by an owner that no longer lives.

A lease is a row of small files, `leases/<area>.<generation>.json`. Whoever creates the next generation, which only one
can, is the owner; it rewrites its own file every few seconds. Everybody else decides by what it sees change and by its
own steady clock: a file that stood still for `LOST_SECONDS` of watching has no owner any more. No time that another
machine wrote is ever compared, so clocks may jump. An owner whose process is gone from this machine loses it at once.

The generation is the fence. An owner that was stopped long enough to lose its lease finds a higher one when it is about
to commit, and fails. On a local disk check and commit are one step, under a lock that keeps the next owner from taking
over in between. An object store has no such lock: there the gap is one request, and two commits of the same name have
the same rows. Readers take no lease.
"""

from __future__ import annotations

import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from os import getpid

from storage.errors import Fatal, UserError, WinnowError
from storage.exclusive import shared, sole
from storage.lease_files import Holder, create, current, generations, lock_path, remove, rewrite
from storage.processes import began_at, machine
from storage.uris import is_local, local_path

BEAT_SECONDS = 5.0
LOST_SECONDS = 60.0
"""Without a heartbeat, after which an owner is taken for dead: long enough for a machine that swaps."""

CORPUS = "corpus"
"""The area of archives, duplicates, corpora and views: recipes share them, so one run at a time writes them."""


class LeaseBusy(UserError):
    """Another run, alive, holds the lease."""


class LeaseLost(Fatal):
    """Another run took the lease over while this one could not be heard."""


@dataclass(frozen=True, slots=True)
class Fence:
    """Proof of a lease that can be sent to other processes."""

    root: str
    area: str
    generation: int
    token: str

    def check(self) -> None:
        """Raises LeaseLost where somebody else holds the lease."""
        found = current(self.root, self.area)
        if found is None or (found.generation, found.token) != (self.generation, self.token):
            by = f": {found.sentence()}" if found else ""
            raise LeaseLost(
                f"this run lost the lake {self.root}: it was not heard of for long, and another took over{by}.",
                "Nothing of it was written since. Give the same command again when the other is done: it resumes.",
            )

    @contextmanager
    def commit(self) -> Iterator[None]:
        """What is written in the block is written by the owner, or not at all; raises LeaseLost."""
        with shared(lock_path(self.root, self.area)):
            self.check()
            yield


_held: dict[str, Fence] = {}
"""Leases on corpora that this process holds, by lake."""


@contextmanager
def committing(root: str, fence: Fence | None = None) -> Iterator[None]:
    """Commit in the block only as the owner of the lake's corpora: by `fence`, else by what this process holds.

    Without either (a step of a test, a lake made by hand) nothing is asked.
    """
    fence = fence or _held.get(_name(root))
    if fence is None:
        yield
        return
    with fence.commit():
        yield


def held(root: str) -> Fence | None:
    """The lease on a lake's corpora that this process holds, for the tasks it starts elsewhere."""
    return _held.get(_name(root))


class Lease:
    """A lease that is held; see `hold`."""

    def __init__(self, root: str, holder: Holder, beat_seconds: float) -> None:
        self.root, self._holder, self._beat_seconds = root, holder, beat_seconds
        self._stop, self._lock = threading.Event(), threading.Lock()
        self.fence = Fence(root, holder.area, holder.generation, holder.token)
        self._thread = threading.Thread(target=self._keep_beating, name=f"lease-{holder.area}", daemon=True)
        self._thread.start()

    def tell_run(self, run_id: str) -> None:
        """Say which run it is, once that is known."""
        self._write(run=run_id)

    def release(self) -> None:
        """Give it back, unless it is another's already."""
        self._stop.set()
        self._thread.join()
        with suppress(WinnowError):  # a store that is gone now: it expires
            self.fence.check()
            self._write(released=True)

    def _keep_beating(self) -> None:
        while not self._stop.wait(self._beat_seconds):
            with suppress(Exception):  # heard or not is decided by those who listen; a heart that stops is not heard
                self._write()

    def _write(self, **changes: object) -> None:
        with self._lock:
            self._holder = replace(self._holder, beat=self._holder.beat + 1, **changes)  # type: ignore[arg-type]
            rewrite(self.root, self._holder)


@contextmanager
def hold(
    root: str,
    area: str,
    purpose: str,
    wait: float = 0.0,
    announce: Callable[[str], None] = lambda line: None,
    beat_seconds: float = BEAT_SECONDS,
    lost_seconds: float = LOST_SECONDS,
) -> Iterator[Lease]:
    """Hold an area of a lake while the block lasts.

    Args:
        purpose: What for, in words: the others are told.
        wait: Seconds to wait for an owner that lives.
        announce: Told once who is waited for.
        beat_seconds, lost_seconds: Heartbeat of the owner, and the silence after which one is taken for dead.

    Raises:
        LeaseBusy: A run that lives holds it, and did so until the end of `wait`.
        UserError, Fatal, Transient: The lake cannot be written to.
    """
    lease = Lease(root, _acquire(root, area, purpose, wait, announce, lost_seconds), beat_seconds)
    name = _name(root)
    if area == CORPUS:
        _held[name] = lease.fence
    try:
        yield lease
    finally:
        if _held.get(name) == lease.fence:
            del _held[name]
        lease.release()


def _acquire(
    root: str, area: str, purpose: str, wait: float, announce: Callable[[str], None], lost_seconds: float
) -> Holder:
    deadline, poll = time.monotonic() + wait, min(0.5, lost_seconds / 20)
    watched, since, lives, told = None, 0.0, False, False
    while True:
        found = current(root, area)
        mark = (found.generation, found.token, found.beat) if found else None
        if mark != watched:
            lives, watched, since = watched is not None, mark, time.monotonic()
        silent = time.monotonic() - since >= lost_seconds
        if found is None or found.released or silent or _is_dead(found):
            if taken := _take(root, area, purpose, found.generation + 1 if found else 1):
                return taken
        elif lives and time.monotonic() >= deadline:
            raise LeaseBusy(
                f"the lake {root} is being written by another run: {found.sentence()}.",
                "Wait until it is done, queue behind it with --wait SECONDS, stop it, or take another lake. Should it "
                f"be dead, the lake is free {lost_seconds:.0f} seconds after its last heartbeat.",
            )
        elif not told:
            told = True
            announce(f"the lake is held by {found.sentence()}: waiting to see whether it still runs")
        time.sleep(poll)


def _take(root: str, area: str, purpose: str, generation: int) -> Holder | None:
    """Create the next generation; None where another was faster, or the owner is about to commit after all."""
    holder = Holder(
        *(area, generation, secrets.token_hex(16), purpose, socket.gethostname(), getpid(), machine()),
        *(began_at(getpid()) or "", datetime.now(UTC).isoformat(timespec="seconds")),
    )
    with sole(lock_path(root, area)) as nobody_commits:
        if not nobody_commits or not create(root, holder):
            return None
        found = current(root, area)
    if found is None or found.token != holder.token:  # an older view of the lake: the highest counts
        remove(root, area, generation)
        return None
    for old in generations(root, area):
        if old < generation:
            remove(root, area, old)
    return holder


def _is_dead(holder: Holder) -> bool:
    """Whether the owner was a process of this machine and is none any more."""
    return bool(holder.machine) and holder.machine == machine() and began_at(holder.process) != holder.began


def _name(root: str) -> str:
    return str(local_path(root).resolve()) if is_local(root) else root.rstrip("/")
