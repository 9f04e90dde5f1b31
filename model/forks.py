"""A process that has torch imported once, and forks a new one for every order: `python -m model.forks`.

Importing torch takes a small training's own time. An order comes over the socket that is standard input: a module and
its argument, as JSON, with four open files (standard input, output and error, and where to tell the new process's id
and, in the end, its exit code). What is forked is to its starter what `python -m module argument` would be. The end of
the socket is the end of this process. Nothing is computed here, so that no thread is lost in a fork.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import socket
import sys
import traceback
import warnings
from contextlib import suppress

MOST = 1 << 16
"""Bytes of an order."""
FILES = 4


def serve(orders: socket.socket) -> None:
    """Fork what is ordered until there is nobody left to order."""
    count = 0
    while True:
        message, files, _, _ = socket.recv_fds(orders, MOST, FILES)
        _reap()
        if not message:
            return None
        module, argument = json.loads(message)
        count += 1
        with suppress(Exception):  # the forked process meets the same, and says it where it is read
            importlib.import_module(module)
            if count > 1 and "torch" in sys.modules:  # more will come: a second of every optimiser's first step
                importlib.import_module("torch._dynamo")
        gc.freeze()  # a collection would touch, and so copy, what is shared
        if os.fork() == 0:
            orders.close()
            return _watch(module, argument, files)
        for file in files:
            os.close(file)


def _reap() -> None:
    """Forget those that have ended; what they cost is counted to this process, and so to its starter."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _watch(module: str, argument: str, files: list[int]) -> None:
    """Fork once more, and tell how that process ends."""
    child = os.fork()
    if child == 0:
        return _become(module, argument, files)
    *streams, told = files
    for file in (*streams, 0, 1, 2):
        os.close(file)
    os.write(told, f"{child}\n".encode())
    _, status = os.waitpid(child, 0)
    with suppress(OSError):  # the starter is gone
        os.write(told, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _become(module: str, argument: str, files: list[int]) -> None:
    os.setsid()  # a group of its own, that can be ended as one
    for number, file in enumerate(files[:3]):
        os.dup2(file, number)
    for file in files:
        os.close(file)
    sys.argv = [module, argument]
    warnings.filterwarnings("ignore", message=".* found in sys.modules", category=RuntimeWarning)
    code = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str | Exception):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # nobody listens; closed by the module
            stream.flush()
    os._exit(code)  # taking down all that was imported would copy its memory first: seconds


if __name__ == "__main__":
    serve(socket.socket(fileno=os.dup(0)))
