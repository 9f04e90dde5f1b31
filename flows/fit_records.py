"""Fits of a lake's ladders, as they were written down."""

from __future__ import annotations

import json
from typing import Any

from storage.lake import Lake
from storage.shards import read_table

UNIT = "bits a byte"
"""Of the losses fitted: held-out text, the same for every rung, whatever the tokenizer."""


def read_fit_records(lake: Lake) -> dict[str, dict[str, Any]]:
    """The newest ladder's fits as `analysis_to_record` wrote them, by how N is counted; empty without one."""
    rows = [
        row
        for uri in lake.files_of("evaluations")
        for row in read_table(uri).to_pylist()
        if row["kind"] == "scaling" and row["metric"] == "fit"
    ]
    newest = max(((row["finished_at"], row["evaluation_id"]) for row in rows), default=None)
    return {
        row["part"]: json.loads(row["details"]) | {"name": row["name"], "unit": UNIT}
        for row in rows
        if (row["finished_at"], row["evaluation_id"]) == newest
    }
