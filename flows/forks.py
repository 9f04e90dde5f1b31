"""Processes with torch that need not import it: forked from one that has (see `model/forks.py`).

Linux only, and only while the environment is the one the first was started with; elsewhere, and when anything goes
wrong with it, `flows.child` starts an ordinary process.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
"""Where `python -m model...` finds the rooms, installed or in a checkout."""
PASSING = ("PREFECT_API_URL", "PYTEST_CURRENT_TEST")
"""Variables that change from run to run and decide nothing in a process that computes."""


class Forked:
    """A process as `subprocess.Popen` shows one, as far as `flows.child` looks."""

    def __init__(self, stdin: IO[str], stdout: IO[str], told: int) -> None:
        self.stdin, self.stdout, self._told = stdin, stdout, told
        self.returncode: int | None = None
        self.pid = int(self._line() or 0)

    def poll(self) -> int | None:
        """The exit code; None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once it has ended.

        Raises:
            subprocess.TimeoutExpired: It has not, so many seconds later.
        """
        if self.returncode is None:
            if not select.select([self._told], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            self.returncode = int(self._line() or -9)
            os.close(self._told)
        return self.returncode

    def terminate(self) -> None:
        """Ask it to end."""
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it ended just now: another process than this one waits for it
                os.kill(self.pid, signal.SIGTERM)

    def _line(self) -> str:
        line = b""
        while not line.endswith(b"\n") and (byte := os.read(self._told, 1)):
            line += byte
        return line.decode().strip()


class _Forker:
    """The process that forks, and the socket it is told by."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.owner, self.environment = os.getpid(), dict(environment)
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        nowhere = subprocess.DEVNULL
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "model.forks"], cwd=ROOT, env=self.environment, stdin=theirs.fileno(),
                stdout=nowhere, stderr=nowhere, start_new_session=True,
            )  # fmt: skip

    def fits(self, environment: Mapping[str, str]) -> bool:
        """Whether it can still stand for a new process with that environment."""
        alive = self.owner == os.getpid() and self._process.poll() is None
        return alive and _deciding(self.environment) == _deciding(environment)

    def fork(self, module: str, argument: str, stderr: IO[str]) -> Forked:
        """One more process.

        Raises:
            OSError: This one is gone.
        """
        (stdin, feed), (output, stdout), (heard, told) = os.pipe(), os.pipe(), os.pipe()
        given = [stdin, stdout, stderr.fileno(), told]
        try:
            socket.send_fds(self._orders, [json.dumps([module, argument]).encode()], given)
        except OSError:
            _close(feed, output, heard)
            raise
        finally:
            _close(stdin, stdout, told)
        child = Forked(os.fdopen(feed, "w"), os.fdopen(output), heard)
        if not child.pid:
            child.stdin.close()
            child.stdout.close()
            os.close(heard)
            raise ProcessLookupError(f"{module} was not forked")
        return child

    def close(self) -> None:
        """Let it end; what it forked goes on."""
        self._orders.close()
        if self.owner == os.getpid():
            self._process.wait()


def _close(*files: int) -> None:
    for file in files:
        os.close(file)


def _deciding(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name not in PASSING}


_lock = threading.Lock()
_current: list[_Forker] = []


def fork(module: str, argument: str, stderr: IO[str], environment: Mapping[str, str]) -> Forked | None:
    """A process like `python -m module argument`; None where that is not to be had, and one must be started."""
    if sys.platform != "linux":
        return None
    with _lock, suppress(OSError):
        if not _current or not _current[0].fits(environment):
            _end()
            _current.append(_Forker(environment))
        return _current[0].fork(module, argument, stderr)
    return None


@atexit.register
def _end() -> None:
    while _current:
        _current.pop().close()
