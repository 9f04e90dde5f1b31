"""Another process that computes with torch: it is told in JSON, and tells in lines of JSON."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import suppress
from typing import IO, Any

from flows.forks import ROOT, Forked, fork
from flows.interrupts import groups
from storage import errors
from storage.errors import Fatal, WinnowError

_ENVIRONMENT = {
    "OMP_WAIT_POLICY": "passive",
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 36),
}
"""Threads that wait for each other sleep. By default they spin, and where other work shares the cores (other
rungs of a ladder, say) two threads were measured three to ten times slower than one. Memory that a step frees stays
with the process for the next one: faulting it in anew was measured to cost four tenths of a step's CPU time."""

_GRACE_SECONDS = 3.0
"""For saving what a training has reached."""

_KINDS = {kind.__name__: kind for kind in (errors.Fatal, errors.UserError, errors.ShardFailed, errors.Transient)}


def run_child(
    module: str, argument: str, standard_input: str | Iterator[str] = "", ranks: int = 1
) -> Generator[dict[str, Any], None, None]:
    """Run `python -m module argument`; its events as they come. Closing the iterator ends the process: it is asked
    to (a training saves its state then), and killed when it does not.

    With several ranks `torchrun` starts as many of them.

    Args:
        standard_input: A text; or the first of several, the next whenever the process says "more", which is no event.

    Raises:
        WinnowError: What the process said went wrong, of the same kind and in the same words.
        Fatal: It died without a word (killed, out of memory).
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as stderr:
        process = _start(module, argument, ranks, stderr)
        groups.add(process.pid)
        try:
            assert process.stdin is not None and process.stdout is not None
            if isinstance(standard_input, str):
                _tell(process.stdin, standard_input)
                _tell(process.stdin, None)
                standard_input = iter(())
            else:
                _tell(process.stdin, next(standard_input, None))
            for event in _events(process.stdout):
                if event["event"] == "more":
                    _tell(process.stdin, next(standard_input, None))
                else:
                    yield event
            if code := process.wait():
                raise _death(module, code, stderr)
        finally:
            _end(process)
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(BrokenPipeError):
                        pipe.close()
            groups.discard(process.pid)


def _tell(stdin: IO[str], text: str | None) -> None:
    """One more piece, or that there is none; whoever has died says so itself."""
    with suppress(BrokenPipeError):
        if text is None:
            stdin.close()
        else:
            stdin.write(text)
            stdin.flush()


def _start(module: str, argument: str, ranks: int, stderr: IO[str]) -> subprocess.Popen[str] | Forked:
    environment = _ENVIRONMENT | os.environ
    if ranks == 1 and (forked := fork(module, argument, stderr, environment)):
        return forked
    command = [sys.executable, "-m", module, argument]
    if ranks > 1:
        launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks), "-m", module, argument]
        command = [sys.executable, "-m", *launcher]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=pipe,
        stdout=pipe,
        stderr=stderr,
        text=True,
        start_new_session=True,  # a group of its own, ranks included, that can be ended as one
    )


def _end(process: subprocess.Popen[str] | Forked) -> None:
    """End a process and all it started; nothing where it has ended by itself."""
    if process.poll() is not None:
        return
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_SECONDS)
        return
    with suppress(ProcessLookupError):  # it ended just now
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _events(lines: IO[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        event: dict[str, Any] = json.loads(line)
        if event["event"] == "error":
            raise _KINDS.get(event["kind"], WinnowError)(event["message"], event["hint"])
        yield event


def _death(module: str, code: int, stderr: IO[str]) -> Fatal:
    stderr.seek(0)
    last = [line for line in stderr.read().splitlines() if line.strip()][-3:]
    how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
    hint = "The same command goes on from its last checkpoint." if code < 0 else " / ".join(last)
    return Fatal(f"the process {module} {how}.", hint)
