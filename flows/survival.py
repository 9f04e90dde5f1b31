"""A process of the pool that dies takes its tasks with it: the others go on, and what killed it fails alone.

Killed from outside, out of memory, or crashed in a library: all a pool says is that it is broken, and it loses every
task that was in progress. Each task therefore leaves a mark while it is at work. Those in progress at a death are put
aside, the rest goes on in a new pool, and at last those aside are tried one at a time: a task whose process dies then
is the cause, and fails as any archive fails.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from flows.progress import tell
from storage.errors import ShardFailed
from storage.lake import safe_name

_T = TypeVar("_T")

Round = Callable[[Iterable[str]], tuple[Mapping[str, _T], Mapping[str, ShardFailed]]]
"""Does the tasks of some labels in a pool of its own: results and failures, as `flows.work.gather`."""

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
    mark.write_text(label)
    try:
        yield
    finally:
        mark.unlink(missing_ok=True)


def survive(labels: Iterable[str], do: Round[_T]) -> tuple[dict[str, _T], dict[str, ShardFailed]]:
    """Results and failures of all labels, whatever dies meanwhile.

    Raises:
        WinnowError: What `do` raises.
    """
    global _marks
    rest, aside = list(labels), list[str]()
    results: dict[str, _T] = {}
    failures: dict[str, ShardFailed] = {}
    with tempfile.TemporaryDirectory(prefix="winnow-tasks-") as folder:
        before, _marks = _marks, folder
        try:
            while rest:
                if not (died := _round(rest, do, folder, results, failures)):
                    break
                tell(f"a process died (killed, or out of memory) with {len(died)} tasks in progress; the others go on")
                aside += [label for label in died if label not in aside]
                rest = [label for label in rest if label not in aside and label not in results | failures]
            for label in aside:
                if _round([label], do, folder, results, failures):
                    failures[label] = ShardFailed(
                        f"the process that worked on {label} died twice, the second time with nothing else to do.",
                        "Did it run out of memory, or did a library crash on it? The same command tries it again.",
                    )
        finally:
            _marks = before
    return results, failures


def _round(
    labels: list[str], do: Round[_T], folder: str, results: dict[str, _T], failures: dict[str, ShardFailed]
) -> list[str]:
    """Do some tasks; those in progress when a process died, [] where none did."""
    try:
        done, failed = do(labels)
    except BrokenProcessPool:
        marks = sorted(Path(folder).iterdir())
        died = [mark.read_text() for mark in marks]
        for mark in marks:
            mark.unlink()
        return died or labels[:1]  # it died before any began: that one is tried apart
    results.update(done)
    failures.update(failed)
    return []
