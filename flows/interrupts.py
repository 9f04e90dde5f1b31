"""Ctrl-C and dying parents: a run that is told to stop does so within seconds, and leaves no process behind.

Stopping at once is safe, because nothing half-written is ever seen: what was not finished is done again.
"""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

GRACE_SECONDS = 4.0
"""For telling the Prefect server that the run was stopped."""

INTERRUPTED = "interrupted; nothing is lost, the same command goes on from here."

_PR_SET_PDEATHSIG = 1

leaving: list[Callable[[], object]] = []
"""Called at the end of a process that is told to stop: what it leaves unfinished is removed."""

groups: set[int] = set()
"""Process groups of trainings that this process started: they end with it."""


def stop_on_interrupt() -> None:
    """Make Ctrl-C end this process within `GRACE_SECONDS`, whatever its libraries still wait for."""
    signal.signal(signal.SIGINT, _interrupted)
    # for multiprocessing's resource tracker, which tidies up behind us and would say so below our sentence
    sys.warnoptions.append("ignore:resource_tracker:UserWarning")


@contextmanager
def stop_on_termination() -> Iterator[None]:
    """Make SIGTERM, which is how a cancelled flow run is told, end this process within `GRACE_SECONDS` while the block
    lasts: what libraries do about it first waits for tasks to end. Nothing outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)

    def terminated(number: int, frame: FrameType | None) -> None:
        _leave_later(128 + signal.SIGTERM)
        for child in multiprocessing.active_children():
            child.kill()  # what a task does now is for nobody, and the pool would wait for it
        if callable(before):
            before(number, frame)
        else:
            raise SystemExit(128 + signal.SIGTERM)

    signal.signal(signal.SIGTERM, terminated)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def end_in_order() -> Iterator[None]:
    """Make Ctrl-C and SIGTERM end the block, which takes the time it needs to end what it started; another SIGTERM
    meanwhile changes nothing."""

    def end(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_with_parent(number: int = signal.SIGTERM) -> None:
    """Have the kernel send this process a signal when the one that started it dies (Linux; elsewhere nothing)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)


def ignore_interrupts() -> None:
    """Leave Ctrl-C to the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def start_worker() -> None:
    """In a worker process: leave Ctrl-C to the parent, and die with it."""
    ignore_interrupts()
    end_with_parent(signal.SIGKILL)


def _interrupted(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("prefect").setLevel(logging.CRITICAL + 1)  # its tracebacks would bury our sentence
    _leave_later(128 + signal.SIGINT)
    raise KeyboardInterrupt


def _leave_later(code: int) -> None:
    watchdog = threading.Timer(GRACE_SECONDS, _leave, (code,))
    watchdog.daemon = True
    watchdog.start()


def _leave(code: int) -> None:
    abandon(INTERRUPTED, code)


def abandon(sentence: str, code: int) -> None:
    """End this process at once, from any thread: say why, end what it started, remove what is unfinished."""
    print(f"winnow: {sentence}", file=sys.stderr, flush=True)
    for child in (children := multiprocessing.active_children()):
        child.kill()
    for child in children:
        child.join(1)
    for clean in list(leaving):
        with suppress(Exception):  # nobody is left to tell
            clean()
    for group in list(groups):
        with suppress(OSError):
            os.killpg(group, signal.SIGTERM)  # a training saves what it has reached
    os._exit(code)
