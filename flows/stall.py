"""A task that hangs is given up: in a process of its own it is watched for progress, and ended where it makes none.

First an error is raised where the task stands, which makes a failed archive of it; what does not even let that in (a
loop in compiled code) is killed, and `flows.survival` goes on without it.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from flows.progress import tell
from storage.errors import ShardFailed

GRACE_SECONDS = 30.0
"""After the error was raised, until the process is killed."""

_SIGNAL = signal.SIGUSR2
"""Not SIGALRM, which is others' to use."""

_last = time.monotonic()


def renew() -> None:
    """The task got on: a record was read, a batch was judged."""
    global _last
    _last = time.monotonic()


@contextmanager
def watched(label: str, seconds: float, grace: float = GRACE_SECONDS) -> Iterator[None]:
    """Give the block up where `renew` was not called for `seconds`; only in a process's main thread, else nothing.

    Raises:
        ShardFailed: It was given up.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # a thread of a cluster's worker: nothing can be raised into it, and others share its process
        return
    done = threading.Event()

    def give_up(number: int, frame: FrameType | None) -> None:
        if not done.is_set():
            raise ShardFailed(
                f"{label} made no progress for {seconds:,.0f} seconds and was given up.",
                "The same command tries it again; WINNOW_STALL_SECONDS is how long it may stand still.",
            )

    renew()
    before = signal.signal(_SIGNAL, give_up)
    guard = threading.Thread(target=_guard, args=(label, seconds, grace, done), daemon=True)
    try:  # twice, for the error may be raised anywhere, here too; it is raised once
        try:
            guard.start()
            yield
        finally:
            signal.signal(_SIGNAL, signal.SIG_IGN)
    finally:
        done.set()
        if guard.ident is not None:
            guard.join()
        signal.signal(_SIGNAL, before)


def _guard(label: str, seconds: float, grace: float, done: threading.Event) -> None:
    while (rest := _last + seconds - time.monotonic()) > 0:
        if done.wait(rest):
            return
    main = threading.main_thread().ident
    assert main is not None
    signal.pthread_kill(main, _SIGNAL)
    if not done.wait(grace):
        tell(f"{label} hangs where nothing reaches it; its process is ended")
        os.kill(os.getpid(), signal.SIGKILL)
