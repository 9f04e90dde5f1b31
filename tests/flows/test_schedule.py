"""A schedule that really fires: a deployment of the watch flow, a server of its own, archives that arrive meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flows import server
from storage.errors import UserError
from storage.lake import Lake
from tests.flows import plain

SERVE = """
import sys
from datetime import timedelta
from flows.watch_flow import watch_flow
from tests.flows.plain import asking
from pathlib import Path
inbox, lake = map(Path, sys.argv[1:])
request = asking(inbox, lake).model_dump(mode="json")
watch_flow.serve(name="often", interval=timedelta(seconds=3), parameters={"request": request}, limit=1)
"""
PATIENCE_SECONDS = 150.0


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server that looks every second for runs that are due."""
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    monkeypatch.setenv("PREFECT_API_DATABASE_CONNECTION_URL", f"sqlite+aiosqlite:///{tmp_path}/prefect.db")
    monkeypatch.setenv("PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS", "1")
    monkeypatch.setenv("PREFECT_RUNNER_POLL_FREQUENCY", "1")
    with server.temporary_server() as url:
        yield url


def test_what_arrives_is_taken_by_the_next_look(api: str, tmp_path: Path, project_root: Path) -> None:
    inbox, lake = tmp_path / "inbox", Lake(str(tmp_path / "lake"))
    inbox.mkdir()
    plain.arrive(inbox, 0)
    serving = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(inbox), lake.root],
        cwd=project_root,
        env=os.environ | {"PREFECT_API_URL": api, "PYTHONPATH": str(project_root)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        until(lambda: taken(lake) == ["0.warc.gz"], serving)
        plain.arrive(inbox, 1)
        until(lambda: taken(lake) == ["0.warc.gz", "1.warc.gz"], serving)
    finally:
        server.stop(serving)


def taken(lake: Lake) -> list[str]:
    """Archives in the lake whose look has made its corpus."""
    try:
        finished = [row for row in lake.rows("runs") if row["state"] == "finished"]
        return sorted(row["archive"].rpartition("/")[2] for row in lake.rows("archives")) if finished else []
    except UserError:
        return []


def until(there: Callable[[], bool], serving: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not there():
        assert serving.poll() is None, serving.stderr and serving.stderr.read().decode()
        assert time.monotonic() < deadline, "no look has taken it"
        time.sleep(0.5)
