"""`winnow up` whole: its deployments, a schedule that fires, a run cancelled in the middle, automations that act."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId
from prefect.events import emit_event
from prefect.events.worker import EventsWorker
from prefect.states import Cancelling

from flows.check import check
from flows.corpus_plan import CorpusRequest
from flows.service import POOL
from storage.errors import UserError
from storage.files import list_files
from storage.lake import Lake
from tests.flows import plain
from tests.soak.service import Service, processes_of, quick_deployments, start_service, until

pytestmark = pytest.mark.timeout(900)

TOLD: list[dict[str, Any]] = []
"""Messages that automations posted."""


class Listener(BaseHTTPRequestHandler):
    """Takes what automations post, as Slack would."""

    def do_POST(self) -> None:
        TOLD.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    listener = HTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WINNOW_NOTIFY_URL", f"http://127.0.0.1:{listener.server_port}/")
        with start_service(tmp_path_factory.mktemp("home"), quick_deployments()) as started:
            yield started
    listener.shutdown()


@pytest.fixture
def client(service: Service) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as opened:
        yield opened


def test_deployments_are_those_of_the_file(client: SyncPrefectClient) -> None:
    for wanted in quick_deployments():
        found = client.read_deployment_by_name(f"{wanted['name']}/{wanted['name']}")
        assert found.entrypoint == wanted["entrypoint"] and found.description == wanted["description"]
        assert found.parameters == wanted["parameters"] and found.enforce_parameter_schema
        assert found.parameter_openapi_schema and "request" in found.parameter_openapi_schema["properties"]
        assert (found.work_pool_name, found.work_queue_name) == (POOL, wanted["work_pool"]["work_queue_name"])
        told = [(plain_schedule(one.schedule), one.active) for one in found.schedules]
        given = [
            ({k: v for k, v in one.items() if k != "active"}, one.get("active", True))
            for one in wanted.get("schedules", [])
        ]
        assert sorted(told, key=str) == sorted(given, key=str)
        limit = wanted.get("concurrency_limit")
        assert (found.global_concurrency_limit and found.global_concurrency_limit.limit) == (limit and limit["limit"])
        options = found.concurrency_options
        assert (options and options.collision_strategy.value) == (limit and limit["collision_strategy"])


def plain_schedule(schedule: Any) -> dict[str, Any]:
    """As prefect.yaml would say it."""
    if hasattr(schedule, "cron"):
        return {"cron": schedule.cron, "timezone": schedule.timezone}
    return {"interval": int(schedule.interval.total_seconds())}


def test_a_cancelled_run_is_gone_within_ten_seconds_and_harms_nothing(
    service: Service, client: SyncPrefectClient, tmp_path: Path
) -> None:
    (tmp_path / "inbox").mkdir()
    for number in range(24):
        plain.arrive(tmp_path / "inbox", number, pages=12)
    ask = plain.asking(tmp_path / "inbox", tmp_path / "lake", recipe="fineweb", workers=2)
    run = start(client, ask)
    until(lambda: list_files(ask.lake + "/archives"), service.process, 120)
    assert len(processes_of(run)) >= 3, "two that read, and the run"
    client.set_flow_run_state(run, Cancelling(), force=True)
    seconds = until(lambda: not processes_of(run), service.process, 30)
    assert seconds < 10
    assert not list(Path(ask.lake).rglob("*.tmp"))
    until(lambda: client.read_flow_run(run).state_name == "Cancelled", service.process, 60)
    some = len(Lake(ask.lake).archive_rows())
    assert 0 < some < 24
    assert check(Lake(ask.lake)).problems == ()
    whole = ask.model_copy(update={"lake": str(tmp_path / "whole")})
    for request in (ask, whole):
        assert end_of(client, start(client, request), service) == "Completed"
    assert plain.digests(tmp_path / "lake") == plain.digests(tmp_path / "whole")


def end_of(client: SyncPrefectClient, run: UUID, service: Service) -> str | None:
    """How a run ended."""

    def is_over() -> bool:
        state = client.read_flow_run(run).state
        return state is not None and state.is_final()

    until(is_over, service.process, 240)
    return client.read_flow_run(run).state_name


def start(client: SyncPrefectClient, request: CorpusRequest) -> UUID:
    """A run of the corpus deployment, as from the UI; its id."""
    deployment = client.read_deployment_by_name("corpus/corpus")
    values = request.model_dump(mode="json")
    return client.create_flow_run_from_deployment(deployment.id, parameters={"request": values}).id


def test_automations_tell_and_pause(service: Service, client: SyncPrefectClient) -> None:
    watch = client.read_deployment_by_name("watch/watch")
    client.resume_deployment(watch.id)
    related = [{"prefect.resource.id": f"prefect.deployment.{watch.id}", "prefect.resource.role": "deployment"}]
    about = {"prefect.resource.id": "winnow.alarm.gopher.word_count", "prefect.resource.name": "gopher.word_count"}
    emit_event("winnow.alarm", about, related=related, payload={"sentence": "gopher.word_count drops half."})
    for number in range(10):
        name = {"prefect.resource.id": f"winnow.archive.{number}", "prefect.resource.name": str(number)}
        emit_event("winnow.archive.failed", name, related=related, payload={"cause": "torn"})
    EventsWorker.drain_all(timeout=10, at_exit=False)
    until(lambda: any("drops half" in told["text"] for told in TOLD), service.process, 60)
    until(lambda: client.read_deployment(watch.id).paused, service.process, 60)
    assert any("documents" in told["text"] for told in TOLD), "of the corpora made before"


def test_a_schedule_fires_and_takes_what_arrived_once(service: Service, client: SyncPrefectClient) -> None:
    lake = Lake(str(service.home / "lake"))
    watch = client.read_deployment_by_name("watch/watch")
    client.resume_deployment(watch.id)
    [often] = [one for one in watch.schedules if "interval" in plain_schedule(one.schedule)]
    client.update_deployment_schedule(watch.id, often.id, active=True)
    plain.arrive(service.home / "inbox", 0)
    until(lambda: taken(lake) == ["0.warc.gz"], service.process, 120)
    before = plain.digests(service.home / "lake")
    looks = len(ended(client, "watch"))
    until(lambda: len(ended(client, "watch")) > looks + 1, service.process, 120)
    assert plain.digests(service.home / "lake") == before, "a look that finds nothing new does nothing"
    plain.arrive(service.home / "inbox", 1)
    until(lambda: taken(lake) == ["0.warc.gz", "1.warc.gz"], service.process, 120)
    client.update_deployment_schedule(watch.id, often.id, active=False)
    assert {run.state_name for run in ended(client, "watch")} <= {"Completed", "Cancelled"}
    assert check(lake).problems == ()


def taken(lake: Lake) -> list[str]:
    """Archives of the lake whose look has ended."""
    try:
        runs = [row for row in lake.rows("runs") if row["state"] == "finished"]
    except UserError:
        return []
    return sorted(
        {step["key"].rpartition("/")[2] for row in runs for step in row["steps"] if step["step"] == "annotate"}
    )


def ended(client: SyncPrefectClient, name: str) -> list[Any]:
    """Flow runs of a deployment that have ended, the latest first."""
    deployment = client.read_deployment_by_name(f"{name}/{name}")
    mine = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[deployment.id]))
    return [run for run in client.read_flow_runs(flow_run_filter=mine) if run.state and run.state.is_final()]
