"""`winnow up` before it starts anything, and after it was stopped: whom it would disturb, and what its runs leave."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import StateType
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings
from prefect.states import Running

from flows.interrupts import end_in_order
from flows.leftovers import MARK, end_processes, end_runs
from flows.service import alone, check_free, deployments_home, service_environment
from storage.errors import UserError
from storage.processes import is_running


def test_a_port_that_is_taken_is_told_before_anything_starts() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=rf"port {port} cannot be used.*--port"):
            check_free(port)
    check_free(port)


def test_one_service_over_a_database(tmp_path: Path) -> None:
    """Two would each take the other's runs, over their own lakes."""
    with temporary_settings({PREFECT_HOME: tmp_path / "home"}):
        with alone("port 1, lake first"):
            with pytest.raises(UserError, match=r"another `winnow up`.*port 1, lake first.*PREFECT_HOME"), alone("x"):
                pass
            with temporary_settings({PREFECT_HOME: tmp_path / "other"}), alone("port 3, lake other"):
                pass
        with alone("port 2, lake second"):
            pass


def test_runs_work_where_the_command_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    home = deployments_home()
    assert home != tmp_path, "without a prefect.yaml here, the one that Winnow came with"
    environment = service_environment("http://127.0.0.1:1/api", home, "lake", 2)
    assert (environment["WINNOW_HOME"], environment["WINNOW_LAKE"]) == (str(tmp_path), str(tmp_path / "lake"))


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds processes in /proc")
def test_processes_of_runs_are_ended_also_where_they_will_not_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.leftovers._GRACE_SECONDS", 0.3)
    deaf = "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); sys.stdin.read()"
    listens = "import sys; print(1, flush=True); sys.stdin.read()"
    service = f"test-{os.getpid()}"
    run, marked = {"PREFECT__FLOW_RUN_ID": "1"}, {MARK: service}
    cases = ((listens, run | marked), (deaf, run | marked), (listens, marked), (listens, run | {MARK: f"{service}0"}))
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code], env=os.environ | extra, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for code, extra in cases
    ]
    try:
        for process in started:
            assert process.stdout and process.stdout.readline()
        assert end_processes(service) == 2
        assert [is_running(process.pid) for process in started] == [False, False, True, True], "no others than runs"
        assert [process.wait() for process in started[:2]] == [-signal.SIGTERM, -signal.SIGKILL]
    finally:
        for process in started:
            process.kill()
            process.communicate()


def test_ctrl_c_and_sigterm_end_a_block_alike() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    for number in (signal.SIGINT, signal.SIGTERM):
        tidied = False
        with pytest.raises(KeyboardInterrupt), end_in_order():
            try:
                signal.raise_signal(number)
            finally:
                signal.raise_signal(signal.SIGTERM)
                tidied = True
        assert tidied
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_runs_whose_processes_are_gone_hold_no_place(api: str) -> None:
    with temporary_settings({PREFECT_API_URL: api}), get_client(sync_client=True) as client:
        flow = client.create_flow_from_name("left")
        runs = []
        for pool in ("left", "not-ours"):
            client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
            deployment = client.create_deployment(flow, f"left-{pool}", work_pool_name=pool)
            runs.append(client.create_flow_run_from_deployment(deployment).id)
            client.set_flow_run_state(runs[-1], Running(), force=True)
        assert [end_runs("left"), end_runs("left")] == [1, 0]
        left, other = (client.read_flow_run(run).state for run in runs)
        assert left and other and left.message and "run it again" in left.message
        assert (left.type, other.type) == (StateType.CRASHED, StateType.RUNNING)
        client.set_flow_run_state(runs[1], Running().model_copy(update={"type": StateType.COMPLETED}), force=True)
