"""kill -9 in every step of a search for duplicates and spans, each time resumed: the same bytes."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from flows import repeated_sequences, spans_task
from pipeline.dedup.config import DedupConfig
from storage.files import write_bytes
from storage.shards import Output, ShardWriter
from tests.flows.duplicates import find_duplicates
from tests.flows.test_dedup_task import grouped_pages, make_job, near_copies

CONFIG = DedupConfig(
    bands=20,
    rows=4,
    ngram=2,
    repeated_lines="remove",
    repeated_paragraphs="remove",
    repeated_substrings="remove",
    line_min_pages=2,
    line_min_chars=5,
)


STEPS = (
    *("pages", "met", "links", "members", "texts", "removed", "duplicates"),
    *("blocks", "found-line", "found-paragraph", "windows", "shared", "found-substring", "trimmed", "emptied", "spans"),
)
"""Tables or files of the working folder, each written by a step of its own; a kill comes before its first file."""


def search(root: str, units: int, result: str, kill_at: str | None) -> None:
    """Everything in this process, which ends itself with SIGKILL before the first file of that step is there."""
    finish = ShardWriter.finish

    def finish_or_die(writer: ShardWriter) -> Output:
        if kill_at and writer._path.startswith(kill_at):
            os.kill(os.getpid(), signal.SIGKILL)
        return finish(writer)

    repeated_sequences.BYTES_A_WORD = 1 << 40  # each file is a group of its own
    job = make_job(Path(root), [near_copies(30, seed=3), grouped_pages(3)], CONFIG)
    ShardWriter.finish = finish_or_die  # type: ignore[method-assign, assignment]
    duplicates, summary = find_duplicates(job, units)
    found, counts = spans_task.find_spans(job, duplicates, all_at_once)
    outputs = [*duplicates, *found["c"]]
    write_bytes(result, repr(([asdict(output) for output in outputs], summary, counts)).encode())


def all_at_once(units: Mapping[str, tuple[Any, ...]]) -> None:
    for work, *arguments in units.values():
        work(*arguments)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_killed_in_every_step_and_resumed_gives_the_same_bytes(tmp_path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])

    def run(root: Path, units: int, kill_at: str | None) -> int | None:
        process = context.Process(target=search, args=(str(root), units, str(root / "result"), kill_at))
        process.start()
        process.join(60)
        return process.exitcode

    assert run(tmp_path / "whole", 2, None) == 0
    expected = (tmp_path / "whole" / "result").read_bytes()
    assert b"'line_spans': 0" not in expected and b"'near': 0" not in expected
    root = tmp_path / "killed"
    for number, step in enumerate(STEPS):
        assert run(root, 2 + number % 2, step) == -signal.SIGKILL, f"there is no step {step}"
        assert not (root / "result").exists()
    assert run(root, 3, None) == 0
    assert (root / "result").read_bytes() == expected
