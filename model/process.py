"""The child's side of the pipe: a specification in, JSON lines out, errors by kind.

`python -m model.train SPEC.json` and `python -m model.generate SPEC.json` are started by flows, which may not
import torch. "-" reads the specification from standard input.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from pydantic import BaseModel, ValidationError

from model.config import Device
from storage.errors import UserError, WinnowError
from storage.files import open_read

Spec = TypeVar("Spec", bound=BaseModel)


def serve(kind: type[Spec], work: Callable[[Spec], None], more: bool = False) -> int:
    """Read the specification the command line names, do the work, tell what failed; gives the exit code.

    With `more` the specification is the first line of standard input, and the others are for the work: see `lines`.
    """
    try:
        work(_read_spec(kind, sys.argv, more))
    except WinnowError as error:
        emit("error", kind=type(error).__name__, message=error.message, hint=error.hint)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def lines() -> Iterator[str]:
    """What more there is on standard input, a line each, asked for when it is needed: nothing piles up here."""
    while True:
        emit("more")
        if not (line := sys.stdin.readline()):
            return
        yield line


def emit(event: str, **values: Any) -> None:
    """One line of JSON to whoever started us; of several ranks the first speaks.

    Where nobody listens any more this process is asked to end, as by SIGTERM: a training saves its state then.
    """
    if dist.is_initialized() and dist.get_rank() != 0:
        return
    try:
        print(json.dumps({"event": event, **values}), flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        signal.raise_signal(signal.SIGTERM)


def choose_device(wish: Device) -> torch.device:
    """The device to compute on.

    Raises:
        UserError: A GPU was asked for and there is none.
    """
    available = torch.cuda.is_available()
    if wish == "cuda" and not available:
        raise UserError("there is no CUDA device here.", 'Use device "auto" or "cpu".')
    return torch.device("cuda" if available and wish != "cpu" else "cpu")


def settle(threads: int) -> None:
    """Make this process compute the same on every run: a fixed number of threads, no tiny numbers.

    A float32 sum depends on how many threads share it, so bitwise repetition asks for the same number of
    threads.
    """
    torch.set_num_threads(threads or len(os.sched_getaffinity(0)))
    torch.set_flush_denormal(True)
    # use_deterministic_algorithms would say so to the compiler too, and import it first: a second.
    # Of cuBLAS either would need settings of its own.
    torch.set_deterministic_debug_mode("default" if torch.cuda.is_available() else "error")


def _read_spec(kind: type[Spec], arguments: list[str], more: bool) -> Spec:
    if len(arguments) != 2:
        raise UserError(f"usage: python -m {arguments[0]} SPEC.json")
    try:
        if arguments[1] == "-":
            return kind.model_validate_json(sys.stdin.readline() if more else sys.stdin.read())
        with open_read(arguments[1]) as stream:
            return kind.model_validate_json(stream.read())
    except ValidationError as error:
        raise UserError(f"this is no {kind.__name__}: {error.errors()[0]['msg']}.") from error
