"""What is left of a service's runs when it ends, or was killed: processes without a server, and runs that the server
takes for running still. Both hold up what comes after: the lake, and the one place of a queue.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import suppress

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterParentFlowRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL
from prefect.states import Crashed

from storage.processes import is_running, processes_with

MARK = "WINNOW_SERVICE"
"""Environment variable of everything a service starts: which service that is."""

_RUN = b"PREFECT__FLOW_RUN_ID="
_GRACE_SECONDS = 6.0
"""For a run to save what it has reached and to say that it was stopped."""

_UNFINISHED = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]
_SAID = "its service was stopped; run it again, it resumes"
_PAGE = 100
"""Runs asked for at a time."""


def end_processes(service: str) -> int:
    """End the processes of a service's runs, first by asking; how many there were."""
    left = found = [pid for pid in processes_with(f"{MARK}={service}\0".encode(), _RUN) if pid != os.getpid()]
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + _GRACE_SECONDS
        while (left := [pid for pid in left if is_running(pid)]) and time.monotonic() < deadline:
            time.sleep(0.1)
    return len(found)


def end_runs(pool: str) -> int:
    """Tell the server that PREFECT_API_URL names of runs of that pool that their processes are gone; how many runs.

    Other machines' runs are left alone, where a database is of a kind that machines can share.
    """
    with get_client(sync_client=True) as client:
        dead = list(_unfinished(client, pool))
        for run in dead:
            client.set_flow_run_state(run.id, Crashed(message=_SAID))
    return sum(run.deployment_id is not None for run in dead)


def _unfinished(client: SyncPrefectClient, pool: str) -> Iterator[FlowRun]:
    """Runs of a pool, and the runs within them, innermost first."""
    unfinished = FlowRunFilterState(type=FlowRunFilterStateType(any_=_UNFINISHED))
    ours = WorkPoolFilter(name=WorkPoolFilterName(any_=[pool]))
    level = [
        run
        for run in client.read_flow_runs(
            flow_run_filter=FlowRunFilter(state=unfinished), work_pool_filter=ours, limit=_PAGE
        )
        if _was_here(run)
    ]
    levels = [level]
    while level:
        within = FlowRunFilterParentFlowRunId(any_=[run.id for run in level])
        level = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(state=unfinished, parent_flow_run_id=within), limit=_PAGE
        )
        levels.append(level)
    for level in reversed(levels):
        yield from level


def _was_here(run: FlowRun) -> bool:
    if PREFECT_API_DATABASE_CONNECTION_URL.value().startswith("sqlite"):
        return True
    return (run.infrastructure_pid or "").rpartition(":")[0] == socket.gethostname()
