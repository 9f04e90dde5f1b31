"""`winnow up`: Prefect server, work pool, deployments, automations, a worker and the report, until Ctrl-C."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
from prefect.exceptions import PrefectException
from prefect.settings import PREFECT_API_URL, get_current_settings, temporary_settings

from flows.automations import FILE as AUTOMATIONS
from flows.automations import create_automations
from flows.interrupts import end_in_order, end_with_parent
from flows.leftovers import MARK, end_processes, end_runs
from flows.progress import tell
from flows.server import STARTUP_SECONDS, stop, wait_until_healthy
from flows.settings import python_path, settings
from storage.errors import Fatal, UserError
from storage.uris import is_local, local_path

DEPLOYMENTS = "prefect.yaml"
POOL = "winnow"
QUEUES = ("lake", "learning")
"""Of the pool, one run at a time each: prefect.yaml says which deployment goes through which."""


def serve(port: int, lake: str) -> None:
    """Start everything, say where it is, and wait; whatever was started ends with this process.

    Raises:
        UserError: There is no prefect.yaml to take deployments from, a port is taken, or a service runs already that
            this one's worker would take runs from.
        Fatal: The server or a deployment did not come up.
    """
    home = deployments_home()
    api = f"http://127.0.0.1:{port}/api"
    environment = service_environment(api, home, lake, port + 1)
    with end_in_order(), ExitStack() as stack:
        stack.enter_context(alone(f"port {port}, lake {environment['WINNOW_LAKE']}"))
        for wanted in (port, port + 1):
            check_free(wanted)
        end_processes(environment[MARK])  # runs of a service that was killed
        tell(f"starting Prefect on port {port}, with the deployments of {home / DEPLOYMENTS}...")
        server = _start(stack, ["server", "start", "--host", "127.0.0.1", "--port", str(port)], environment)
        wait_until_healthy(api, server, STARTUP_SECONDS)
        stack.enter_context(temporary_settings({PREFECT_API_URL: api}))
        _register(home, environment)
        _start_report(stack, environment, port + 1)
        worker = _start(stack, ["worker", "start", "--pool", POOL, "--type", "process"], environment)
        stack.callback(_end_runs, worker, environment[MARK])
        tell(f"Prefect UI: http://127.0.0.1:{port}   lake: {environment['WINNOW_LAKE']}   stop with Ctrl-C")
        tell(f"report:     {environment['WINNOW_REPORT_URL']}")
        tell("start a run: PREFECT_API_URL=" + api + " prefect deployment run corpus/corpus")
        try:
            while server.poll() is None and worker.poll() is None:
                time.sleep(0.5)
        except KeyboardInterrupt:  # how it is meant to end
            return tell("stopping: runs save what they have reached...")
        raise Fatal("the Prefect server or its worker ended.", "Its last lines above say why.")


def _register(home: Path, environment: Mapping[str, str]) -> None:
    """Pool, deployments, queues and automations, as the files say; runs that a killed service left are given up."""
    _run(["work-pool", "create", POOL, "--type", "process", "--overwrite"], environment)
    _run(["deploy", "--all", "--prefect-file", str(home / DEPLOYMENTS)], environment)
    for queue in QUEUES:
        _run(["work-queue", "set-concurrency-limit", queue, "1", "--pool", POOL], environment)
    if ended := end_runs(POOL):
        tell(f"runs that were going on when the service before this one ended, now marked as crashed: {ended:,}")
    if (home / AUTOMATIONS).is_file():
        create_automations(home / AUTOMATIONS, settings().notify_address)
    else:
        tell(f"no automations: there is no {AUTOMATIONS} in {home}")


def _end_runs(worker: subprocess.Popen[bytes], service: str) -> None:
    """End what the worker started, which has process groups of its own, while the server can still be told."""
    worker.terminate()  # it is to begin no other
    end_processes(service)
    stop(worker)
    with suppress(httpx.HTTPError, PrefectException):  # a server that is gone is told by the next service
        end_runs(POOL)


def deployments_home() -> Path:
    """The folder whose prefect.yaml is deployed: this one, else the source tree Winnow was installed from."""
    for folder in (Path.cwd(), Path(__file__).resolve().parent.parent):
        if (folder / DEPLOYMENTS).is_file():
            return folder
    raise UserError(
        "there is no prefect.yaml here.", "Run `winnow up` in a checkout of Winnow, or copy its prefect.yaml."
    )


@contextmanager
def alone(told: str) -> Iterator[None]:
    """Be the only service over this user's Prefect database while the block lasts.

    Args:
        told: What another service is told of this one.

    Raises:
        UserError: Another is there. Both would serve the same runs, each over its own lake.
    """
    home = get_current_settings().home
    home.mkdir(parents=True, exist_ok=True)
    with (home / "winnow-up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise UserError(
                f"another `winnow up` runs over Prefect's database in {home} ({lock.read().strip()}): its worker and "
                "this one's would take each other's runs.",
                "Stop it, or give this one a database of its own: PREFECT_HOME=DIR.",
            ) from error
        lock.truncate(0)
        lock.write(told)
        lock.flush()
        yield


def check_free(port: int) -> None:
    """Raises UserError where something listens on a port of this machine: Prefect's server or the report needs it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that was just left is free
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            hint = "Choose another with --port; the report has the next one."
            raise UserError(f"port {port} cannot be used: {error.strerror}.", hint) from error


def service_environment(api: str, home: Path, lake: str, report_port: int) -> Mapping[str, str]:
    """What server, worker and the flow runs they start need to know. Paths in a deployment's parameters are below the
    directory of the command, as they are on any other command line.

    The UI looks for its API on port 4200 unless told, and shows an empty page: hence PREFECT_UI_API_URL. The worker
    runs scripts that lie beside a storage.py of Prefect's own, which would hide ours: hence PYTHONSAFEPATH.
    """
    absolute = lake if "://" in lake else str(Path(lake).resolve())
    return os.environ | {
        "PREFECT_API_URL": api,
        "PREFECT_UI_API_URL": api,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "WINNOW_LAKE": absolute,
        "PYTHONSAFEPATH": "1",
        "PYTHONPATH": python_path(str(home)),
        "WINNOW_HOME": str(Path.cwd()),
        MARK: str(get_current_settings().home.resolve()),
        "WINNOW_REPORT_URL": f"http://127.0.0.1:{report_port}/",
    }


def _start_report(stack: ExitStack, environment: Mapping[str, str], port: int) -> None:
    """Serve the report of the lake, which may be empty yet; without it the rest goes on."""
    lake = environment["WINNOW_LAKE"]
    if is_local(lake):
        local_path(lake).mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "flows.cli", "report", "--serve", "--port", str(port), "--lake", lake]
    process = subprocess.Popen(
        command,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=end_with_parent,
    )
    stack.callback(stop, process)


def _command(arguments: list[str]) -> list[str]:
    # asked on a terminal, Prefect wants to know what to do with its profiles, and waits
    return [sys.executable, "-m", "prefect", "--no-prompt", *arguments]


def _start(stack: ExitStack, arguments: list[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        _command(arguments),
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # out of reach of Ctrl-C: they are ended in their order
        preexec_fn=end_with_parent,
    )
    stack.callback(stop, process)
    return process


def _run(arguments: list[str], environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        _command(arguments), env=dict(environment), stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode:
        raise Fatal(f"`prefect {' '.join(arguments)}` failed.", (done.stdout + done.stderr)[-2000:])
