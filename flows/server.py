"""A temporary Prefect server for one run: out of reach of Ctrl-C, and gone when the run is, however it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from urllib.error import URLError
from urllib.request import urlopen

from prefect.settings import get_current_settings

from flows.interrupts import abandon, end_with_parent
from storage.errors import Fatal

STARTUP_SECONDS = 120
"""A busy machine takes long to import a server."""


@contextmanager
def temporary_server() -> Iterator[str]:
    """A server on a free port of the loopback interface while the block lasts; yields the URL of its API.

    Prefect's own temporary server shares our process group, so Ctrl-C stops it before the run can tell it anything,
    and it outlives a run that is killed. A run whose server dies ends with it: asking it again would take minutes, and
    what a run has done is in the lake.

    Raises:
        Fatal: It did not start.
    """
    port = _free_port()
    api = f"http://127.0.0.1:{port}/api"
    server, over = _start(port), threading.Event()
    try:
        wait_until_healthy(api, server, STARTUP_SECONDS)
        threading.Thread(target=_end_with, args=(server, over), daemon=True).start()
        yield api
    finally:
        over.set()
        stop(server)


def wait_until_healthy(api: str, server: subprocess.Popen[bytes], seconds: float) -> None:
    """Return when the server answers.

    Raises:
        Fatal: It ended, or did not answer in time.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise Fatal("the Prefect server did not start.", "Is its port taken? Choose another with --port.")
        with suppress(URLError, OSError), urlopen(f"{api}/health", timeout=2) as answer:
            if answer.status == 200:
                return
        time.sleep(0.2)
    raise Fatal(f"the Prefect server did not answer within {seconds:.0f} s.")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a child, first by asking."""
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _end_with(server: subprocess.Popen[bytes], over: threading.Event) -> None:
    code = server.wait()
    if not over.is_set():
        abandon(f"the Prefect server of this run ended with code {code}. Nothing is lost: the same command resumes.", 1)


def _start(port: int) -> subprocess.Popen[bytes]:
    app = ["uvicorn", "--factory", "prefect.server.api.server:create_app", "--lifespan", "on"]
    address = ["--host", "127.0.0.1", "--port", str(port), "--log-level", "error"]
    settings = get_current_settings().to_environment_variables(exclude_unset=True)
    # the variables by which Prefect's own temporary server knows that it is one
    told = {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"}
    quiet = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "PREFECT_LOGGING_LEVEL": "CRITICAL"}
    return subprocess.Popen(
        [sys.executable, "-m", *app, *address],
        env=os.environ | settings | told | quiet,
        start_new_session=True,
        preexec_fn=partial(end_with_parent, signal.SIGKILL),  # asked politely it waits for clients that are gone
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
