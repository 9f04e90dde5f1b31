"""prefect.yaml: every deployment names a flow that is there, gives it parameters it takes, and shows them as a form."""

from __future__ import annotations

import inspect
import json
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prefect import Flow
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.utilities.callables import parameter_schema
from prefect.utilities.schema_tools.validation import validate

from flows.service import POOL, QUEUES
from flows.work import prefect_api
from storage.errors import Fatal

DEPLOYMENTS: list[dict[str, Any]] = yaml.safe_load((Path(__file__).resolve().parents[2] / "prefect.yaml").read_text())[
    "deployments"
]


EACH = pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda d: str(d["name"]))


def flow_of(deployment: dict[str, Any]) -> Flow[..., Any]:
    module, _, name = deployment["entrypoint"].rpartition(".")
    flow: Flow[..., Any] = getattr(import_module(module), name)
    return flow


@EACH
def test_a_deployment_can_be_run(deployment: dict[str, Any]) -> None:
    flow = flow_of(deployment)
    given = deployment.get("parameters", {})
    needed = {n for n, p in inspect.signature(flow.fn).parameters.items() if p.default is inspect.Parameter.empty}
    assert needed <= set(given)
    flow.validate_parameters(given)


@EACH
def test_its_parameters_are_a_form(deployment: dict[str, Any]) -> None:
    """The UI makes a field of every property: it needs a type to know which, and a description to say what for."""
    schema = parameter_schema(flow_of(deployment)).model_dump(mode="json")
    json.dumps(schema)
    validate({"request": deployment["parameters"]["request"]}, schema, raise_on_error=True)
    [request] = [name.rpartition("/")[2] for name in _references(schema["properties"]["request"])]
    fields = schema["definitions"][request]["properties"]
    kinds = ("type", "anyOf", "allOf", "$ref", "enum", "const")
    assert fields and not [name for name, field in fields.items() if not any(kind in field for kind in kinds)]
    plain = {name: field for name, field in fields.items() if not _references(field) and name not in ("device",)}
    assert not [name for name, field in plain.items() if not field.get("description")]


def _references(field: dict[str, Any]) -> list[str]:
    return [field["$ref"]] if "$ref" in field else [part["$ref"] for part in field.get("allOf", []) if "$ref" in part]


def test_what_writes_the_lake_takes_turns() -> None:
    queues = {d["name"]: (d["work_pool"]["name"], d["work_pool"]["work_queue_name"]) for d in DEPLOYMENTS}
    assert queues["corpus"] == queues["watch"] == (POOL, "lake")
    assert {queue for _, queue in queues.values()} == set(QUEUES), "`winnow up` limits each of them"
    limits = {d["name"]: d["concurrency_limit"] for d in DEPLOYMENTS if d["name"] in ("corpus", "watch")}
    assert all(limit["limit"] == 1 for limit in limits.values())
    assert limits["watch"]["collision_strategy"] == "CANCEL_NEW"


def test_there_are_examples_of_an_interval_and_of_a_cron() -> None:
    schedules = [schedule for d in DEPLOYMENTS for schedule in d.get("schedules", [])]
    assert any("interval" in schedule for schedule in schedules) and any("cron" in schedule for schedule in schedules)


def test_a_server_of_ones_own_that_stops_answering_is_told() -> None:
    url = "http://someone:secret@127.0.0.1:9/api"
    said = "Prefect server .* does not answer: refused.*same command resumes"
    with (
        temporary_settings({PREFECT_API_URL: url}),
        pytest.raises(Fatal, match=said) as told,
        prefect_api() as api,
    ):
        assert api == url
        raise httpx.ConnectError("refused")
    assert "secret" not in str(told.value)
