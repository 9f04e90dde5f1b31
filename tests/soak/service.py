"""What the soaks stand on: `winnow up` as it is, in a folder of its own, with schedules and polls of seconds."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows import server
from tests.conftest import ROOT

QUICK = {
    "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "1",
    "PREFECT_WORKER_QUERY_SECONDS": "1",
    "PREFECT_WORKER_PREFETCH_SECONDS": "1",
    "PREFECT_WORKER_HEARTBEAT_SECONDS": "5",
}


@dataclass(frozen=True)
class Service:
    """A `winnow up` that runs.

    Attributes:
        home: Its folder: prefect.yaml, `inbox`, `lake`, and what it said in `up.log`.
        api: URL of its Prefect API.
        process: Leader of the session all its processes are in.
    """

    home: Path
    api: str
    process: subprocess.Popen[bytes]


@contextmanager
def start_service(home: Path, deployments: list[dict[str, Any]]) -> Iterator[Service]:
    """Run `winnow up` while the block lasts.

    Args:
        home: An empty folder, or that of a service before.
        deployments: As in prefect.yaml.
    """
    (home / "inbox").mkdir(exist_ok=True)
    (home / "prefect.yaml").write_text(yaml.safe_dump({"name": "winnow", "deployments": deployments}))
    (home / "automations.yaml").write_text((ROOT / "automations.yaml").read_text())
    port = free_port()
    environment = os.environ | QUICK | {"PREFECT_HOME": str(home / "prefect"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "flows.cli", "up", "--port", str(port), "--lake", str(home / "lake")]
    api = f"http://127.0.0.1:{port}/api"
    with (home / "up.log").open("wb") as log, temporary_settings({PREFECT_API_URL: api}):
        process = subprocess.Popen(
            command, cwd=home, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            until(lambda: "start a run" in (home / "up.log").read_text(), process, 180)
            yield Service(home, api, process)
        finally:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
            server.stop(process)


def until(there: Callable[[], Any], process: subprocess.Popen[bytes], seconds: float) -> float:
    """Wait for something to become true; the seconds it took."""
    started = time.monotonic()
    while not there():
        assert process.poll() is None, f"the process ended with code {process.returncode}"
        assert time.monotonic() < started + seconds, f"not within {seconds:.0f} s"
        time.sleep(0.2)
    return time.monotonic() - started


def free_port() -> int:
    """One with a free neighbour, where `winnow up` serves the report."""
    while True:
        with socket.socket() as probe, socket.socket() as beside:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
            try:
                beside.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


def quick_deployments() -> list[dict[str, Any]]:
    """Those of the project, the watch looking every ten seconds, once it is switched on, and with a small recipe."""
    found: list[dict[str, Any]] = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    for one in found:
        if one["name"] == "watch":
            one["schedules"][0:1] = [{"interval": 10, "active": False}]
            one["parameters"]["request"] |= {"recipe": "raw", "changes": ["dedup.enabled=true"], "workers": 1}
    return found


def processes_of(flow_run_id: object) -> list[int]:
    """Every process that a flow run's process started, and it."""
    mark, found = f"PREFECT__FLOW_RUN_ID={flow_run_id}".encode(), []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and mark in (entry / "environ").read_bytes():
                found.append(int(entry.name))
    return found
