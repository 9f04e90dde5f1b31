"""The `runs` row of a flow that is not a corpus run: what it was asked, when it ran, what it made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from storage import schema
from storage.files import exists
from storage.lake import Lake, fingerprint
from storage.schema import Section
from storage.shards import read_table, write_table

Made = list[dict[str, str]]


@contextmanager
def run_row(lake: Lake, flow: str, name: str, request: Section, *upstream: str) -> Iterator[Made]:
    """Keep the row of a run while the block lasts; yields the list of steps it makes, to be added to.

    The same request over the same inputs is the same run: its row is written again. A run that fails says so.

    Args:
        lake: Where the row goes.
        flow: tokens, pretrain or scaling.
        name: Of what it works on.
        request: All it was asked; kept as JSON.
        upstream: Fingerprints of what it reads.
    """
    asked = request.model_copy(update={"lake": "", **({"workers": 1} if hasattr(request, "workers") else {})})
    run_id = fingerprint("run", flow, name, asked, upstream)
    made: Made = []
    started = datetime.now(UTC)
    path = lake.absolute(lake.run_path(run_id))
    if exists(path):
        started = read_table(path)["started_at"][0].as_py()

    def write(state: str) -> None:
        row: Mapping[str, Any] = {
            "run_id": run_id,
            "flow": flow,
            "name": name,
            "recipe": request.model_dump_json(),
            "state": state,
            "started_at": started,
            "finished_at": datetime.now(UTC) if state == "finished" else None,
            "steps": made,
            "failed": [],
            "judged": None,
        }
        write_table(lake.root, lake.run_path(run_id), "runs", pa.Table.from_pylist([row], schema.RUNS))

    write("running")
    try:
        yield made
    except Exception:
        write("failed")
        raise
    write("finished")


def training_step(row: Mapping[str, Any]) -> dict[str, str]:
    """How a run lists a training."""
    return {"step": "train", "key": str(row["name"]), "fingerprint": str(row["training_id"])}
