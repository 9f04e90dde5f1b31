"""`winnow up` stopped in the middle of a run, by Ctrl-C and by kill: nothing goes on unseen, and the next one works."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client

from flows.check import check
from storage.files import list_files
from storage.lake import Lake
from tests.flows import plain
from tests.soak.service import processes_of, quick_deployments, start_service, until
from tests.soak.test_service import end_of, start

pytestmark = pytest.mark.timeout(900)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_service_that_is_stopped_leaves_no_run_behind(number: signal.Signals, tmp_path: Path) -> None:
    (home := tmp_path / "home").mkdir()
    (many := tmp_path / "many").mkdir()
    for archive in range(24):
        plain.arrive(many, archive, pages=12)
    ask = plain.asking(many, tmp_path / "lake", recipe="fineweb", workers=2)
    with start_service(home, quick_deployments()) as service:
        with get_client(sync_client=True) as client:
            run = start(client, ask)
            until(lambda: list_files(ask.lake + "/archives"), service.process, 120)
        service.process.send_signal(number)
        service.process.wait(30)
        assert number == signal.SIGKILL or not processes_of(run)
    with start_service(home, quick_deployments()) as service, get_client(sync_client=True) as client:
        assert not processes_of(run)
        assert client.read_flow_run(run).state_name == "Crashed"
        assert end_of(client, start(client, ask), service) == "Completed"
    assert len(Lake(ask.lake).archive_rows()) == 24
    assert check(Lake(ask.lake)).problems == ()
