"""Which of the processes that pytest-xdist starts runs which file of tests, and in which order."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parent.parent

SHARED: Mapping[str, str] = {
    "api": "prefect",
    "small_crawl": "prefect",
    "hostile_lake": "report",
    "trained_lake": "trained",
}
"""Fixtures that take seconds to make, once in every process that asks for one: files that do are run by the same."""

LONG = (
    "prefect",
    "report",
    "tests/flows/test_dedup_killed.py",
    "tests/flows/test_dedup_task.py",
    "tests/model/scaling/test_fit.py",
    "tests/golden/test_ledger.py",
    "tests/storage/test_manifest.py",
    "tests/storage/test_catalog.py",
    "tests/flows/demo/test_crawl.py",
    "tests/flows/test_dedup_scope.py",
    "tests/flows/test_query.py",
    "tests/model/test_ranks.py",
    "tests/model/scaling/test_approaches.py",
    "tests/pipeline/archive/test_memory.py",
    "tests/flows/test_pretrain_flow.py",
    "tests/flows/test_watch_flow.py",
    "tests/flows/test_remote_inputs.py",
    "tests/flows/report/test_live.py",
    "tests/flows/test_evaluation.py",
    "tests/flows/test_forks.py",
    "tests/flows/test_finetuning.py",
    "tests/flows/test_repair.py",
    "tests/model/test_process.py",
    "tests/pipeline/test_toxicity.py",
    "tests/pipeline/kernels/test_compiled.py",
)
"""What takes longest, the longest first: begun last, it would keep one process busy when the others have ended."""


class LongestFirst(LoadFileScheduling):  # type: ignore[misc]
    """A file, or all that share a slow fixture, is run by one process; `LONG` first, then by the number of tests."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(super()._split_scope(nodeid))

    def _assign_work_unit(self, node: Any) -> None:
        found = next((scope for scope in LONG if scope in self.workqueue), None)
        if found:
            self.workqueue.move_to_end(found, last=False)
        super()._assign_work_unit(node)


@cache
def scope_of(file: str) -> str:
    """What a file of tests is run together with; the file itself where it shares nothing."""
    text = (ROOT / file).read_text("utf-8")
    return next(
        (scope for name, scope in SHARED.items() if re.search(rf'\b{name}: |usefixtures\(.*"{name}"', text)), file
    )
