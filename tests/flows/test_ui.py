"""What a run leaves at Prefect's server: events, artifacts with their content, and automations that act on them."""

from __future__ import annotations

import base64
import json
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL

from flows.alarms import sentence
from flows.artifacts import plain, publish_report_link
from flows.automations import create_automations, read_automations
from flows.corpus_flow import tell_archive
from flows.events import announce, send_events
from flows.figure_artifacts import publish_figure
from flows.live import LivePhase
from flows.progress import Progress
from flows.report.learning import training_curve
from flows.work import publish_table
from storage.errors import ShardFailed, UserError
from storage.lake import Lake

FILE = Path(__file__).resolve().parents[2] / "automations.yaml"
BOOKS = {"records": 9, "kept_records": 4, "dropped_records": 3, "skipped_records": 2, "unreadable_records": 0}
ALARM = {
    "rule": "gopher.word_count", "alarm": "more than expected", "knob": "gopher.min_words", "pages": 1000, "runs": 0,
    "drop_frac": 0.9, "expected_low_frac": 0.01, "expected_high_frac": 0.4,
}  # fmt: skip


@pytest.fixture(scope="module")
def told(api: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A run that tells everything there is to tell: its id, its events by name, its artifacts by key."""
    lake = Lake(str(tmp_path_factory.mktemp("lake")))

    @flow(name="tells", log_prints=False)
    def tells() -> str:
        from prefect.runtime import flow_run

        tell_archive("crawl/a.warc.gz", {**BOOKS, "file_bytes": 1000})
        tell_archive("crawl/b.warc.gz", ShardFailed("it is torn", "fetch it again"))
        announce("alarm", ALARM["rule"], plain(ALARM) | {"sentence": sentence(ALARM)})
        publish_table("mixture", [{"domain": "web", "given_frac": 0.5}], "Domains asked for and given")
        publish_report_link(lake)
        curve = [{"step": n, "tokens": 100 * n, "loss": 5 / n, "learning_rate": 0.1} for n in (1, 2, 3)]
        publish_figure(training_curve({"curve": curve, "eval_loss": 2.0}))
        shown, now = Progress("encode", 4, None), [0.0]
        live = LivePhase(shown, lambda: now[0])
        for second in (6.0, 12.0, 18.0):
            now[0] = second
            shown.advance()
            live.update()
        return str(flow_run.id)

    run = tells()
    send_events()
    with get_client(sync_client=True) as client:
        events = _until(lambda: _events(client, run), 3)
        artifacts = client.request("POST", "/artifacts/filter", json={"artifacts": {"flow_run_id": {"any_": [run]}}})
        return {"run": run, "lake": lake, "events": events, "artifacts": {a["key"]: a for a in artifacts.json()}}


def _events(client: Any, run: str) -> dict[str, dict[str, Any]]:
    asked = {"event": {"prefix": ["winnow."]}, "related": {"id": [f"prefect.flow-run.{run}"]}}
    rows = client.request("POST", "/events/filter", json={"filter": asked, "limit": 50}).json()["events"]
    return {row["event"]: row for row in rows}


def _until(ask: Any, count: int, seconds: float = 60.0) -> Any:
    """What is answered once there are so many of it; the server takes a moment to write events down."""
    deadline = time.monotonic() + seconds
    while len(found := ask()) < count and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def test_events_say_what_happened_and_to_what(told: dict[str, Any]) -> None:
    events = told["events"]
    assert set(events) == {"winnow.archive.done", "winnow.archive.failed", "winnow.alarm"}
    assert events["winnow.archive.done"]["payload"] == {**BOOKS, "file_bytes": 1000}
    assert events["winnow.archive.done"]["resource"]["prefect.resource.id"] == "winnow.archive.crawl/a.warc.gz"
    assert "it is torn" in events["winnow.archive.failed"]["payload"]["cause"]
    assert events["winnow.alarm"]["payload"]["sentence"].endswith("its knob is gopher.min_words.")


def test_artifacts_hold_what_they_show(told: dict[str, Any]) -> None:
    found = told["artifacts"]
    assert set(found) == {"mixture", "report", "training-curve", "encode-progress"}
    assert json.loads(found["mixture"]["data"]) == [{"domain": "web", "given_frac": 0.5}]
    assert told["lake"].root in found["report"]["data"] and "report.html" in found["report"]["data"]
    image = base64.b64decode(found["training-curve"]["data"].partition("base64,")[2].rstrip(")")).decode()
    assert image.startswith("<svg") and "<style>" in image and "held out: 2.000" in image
    assert found["encode-progress"]["data"] == 75.0
    assert found["encode-progress"]["description"] == "3 of 4 done; 10.0 a minute, 6 s left"


def test_nothing_is_told_outside_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.events.emit_event", lambda **_: pytest.fail("told"))
    announce("alarm", "r", {})


def test_automations_that_cannot_be_read_are_a_users_mistake(tmp_path: Path) -> None:
    (tmp_path / "list.yaml").write_text("- 1\n")
    for name, said in (("nowhere.yaml", "cannot be read: No such file"), ("list.yaml", "does not hold automations")):
        with pytest.raises(UserError, match=said):
            read_automations(tmp_path / name, None)


def test_the_shipped_automations_are_created_once_and_kept_as_they_were_switched(api: str) -> None:
    assert PREFECT_API_URL.value() == api
    with get_client(sync_client=True) as client:
        for shipped in read_automations(FILE, str(uuid.uuid4()))[0]:
            for left in client.read_automations_by_name(shipped.name):
                client.delete_automation(left.id)
        names = create_automations(FILE, "http://127.0.0.1:9/hook")
        created = {one.name: one for one in client.read_automations() if one.name in names}
        failing = created["winnow: pause what keeps failing"]
        assert len(created) == len(names) == 4
        assert not created["winnow: pause what raises an alarm"].enabled and failing.enabled
        message = created["winnow: say when a rule is off"].actions[0]
        block = client.read_block_document_by_name("winnow", "custom-webhook")
        assert message.type == "send-notification" and message.block_document_id == block.id
        client.pause_automation(failing.id)
        assert create_automations(FILE, "http://127.0.0.1:9/other") == names
        again = {one.name: one for one in client.read_automations() if one.name in names}
        assert {name: one.id for name, one in again.items()} == {name: one.id for name, one in created.items()}
        assert not again[failing.name].enabled


def test_without_an_address_only_what_needs_none_is_created() -> None:
    found, left_out = read_automations(FILE, None)
    assert [one.actions[0].type for one in found] == ["pause-deployment", "pause-deployment"]
    assert left_out == ["winnow: say when a rule is off", "winnow: say when a corpus is done"]


@pytest.mark.parametrize(
    "text", ["", "automations: 3", "automations: [{name: x}]", "a: [", "automations: [{actions: []}]"]
)
def test_a_file_of_something_else_is_refused_in_words(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(UserError, match="does not hold automations"):
        read_automations(tmp_path / "a.yaml", None)
