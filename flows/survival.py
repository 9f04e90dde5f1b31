"""A process of the pool that dies takes its tasks with it: the others go on, and what killed it fails alone.

Killed from outside, out of memory, or crashed in a library: all a pool says is that it is broken, and it loses every
task that was in progress. Each task therefore leaves a mark while it is at work. What ended before a death has ended;
those in progress at it are put aside, the rest goes on in a new pool, and at last those aside are tried one at a time:
a task whose process dies then is the cause, and fails as any archive fails.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flows.progress import tell
from flows.report.words import plural
from storage.errors import ShardFailed
from storage.lake import safe_name

Ended = Callable[[str, Any], None]
"""Told of each task as it ends: its label, and its result or `ShardFailed`."""

Round = Callable[[Iterable[str], Ended], object]
"""Does the tasks of some labels in a pool of its own."""

_marks: str | None = None


def marks() -> str | None:
    """The folder in which tasks that are submitted now leave their marks; None where nobody looks."""
    return _marks


@contextmanager
def at_work(label: str, folder: str | None) -> Iterator[None]:
    """In a task: leave a mark while the block lasts."""
    if folder is None or not Path(folder).is_dir():  # of a cluster's worker on another machine
        yield
        return
    mark = Path(folder) / safe_name(label)
    mark.touch()
    try:
        yield
    finally:
        mark.unlink(missing_ok=True)


def survive(labels: Iterable[str], do: Round) -> tuple[dict[str, Any], dict[str, ShardFailed]]:
    """Results and failures of all labels, whatever dies meanwhile; what has ended is never begun again.

    Raises:
        WinnowError: What `do` raises.
    """
    global _marks
    rest, aside = list(labels), list[str]()
    results: dict[str, Any] = {}
    failures: dict[str, ShardFailed] = {}

    def ended(label: str, outcome: Any) -> None:
        (failures if isinstance(outcome, ShardFailed) else results)[label] = outcome

    with tempfile.TemporaryDirectory(prefix="winnow-tasks-") as folder:
        before, _marks = _marks, folder
        try:
            while rest:
                if _whole(rest, do, ended):
                    break
                rest = [label for label in rest if label not in results | failures]
                died = _marked(folder, rest) or rest[:1]  # it died before any began: that one is tried apart
                lost = plural(len(died), "task")
                tell(f"a process died (killed, or out of memory) with {lost} in progress; the others go on")
                aside += [label for label in died if label not in aside]
                rest = [label for label in rest if label not in aside]
            for label in aside:
                if not _whole([label], do, ended):
                    failures[label] = ShardFailed(
                        f"the process that worked on {label} died twice, the second time with nothing else to do.",
                        "Did it run out of memory, or did a library crash on it? The same command tries it again.",
                    )
        finally:
            _marks = before
    return results, failures


def _whole(labels: list[str], do: Round, ended: Ended) -> bool:
    """Do some tasks; whether none was lost with a process."""
    try:
        do(labels, ended)
    except BrokenProcessPool:
        return False
    return True


def _marked(folder: str, labels: Iterable[str]) -> list[str]:
    """Those of the tasks whose marks are left, which are taken away. A mark is told by its name: what a process wrote
    into it may be missing when the process is gone."""
    left = {mark.name for mark in Path(folder).iterdir()}
    for name in left:
        (Path(folder) / name).unlink()
    return [label for label in labels if safe_name(label) in left]
