"""prefect.yaml: every deployment names a flow that is there and gives it parameters it takes."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

DEPLOYMENTS: list[dict[str, Any]] = yaml.safe_load((Path(__file__).resolve().parents[2] / "prefect.yaml").read_text())[
    "deployments"
]


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda d: str(d["name"]))
def test_a_deployment_can_be_run(deployment: dict[str, Any]) -> None:
    module, _, name = deployment["entrypoint"].rpartition(".")
    flow = getattr(import_module(module), name)
    given = deployment.get("parameters", {})
    needed = {n for n, p in inspect.signature(flow.fn).parameters.items() if p.default is inspect.Parameter.empty}
    assert needed <= set(given)
    flow.validate_parameters(given)
