"""What the person at the terminal sees of a run: a bar where there is a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar

from storage.redaction import redacted

LINE_SECONDS = 10.0


class Progress:
    """Counts finished units of one phase; see `progress`."""

    def __init__(self, name: str, total: int, bar: Bar | None) -> None:
        self.name, self.total, self.done, self.failed = name, total, 0, 0
        self._bar = bar
        self._task: TaskID | None = bar.add_task(name, total=total) if bar else None
        self._told = time.monotonic()

    def advance(self, label: str = "", failed: bool = False, note: str = "") -> None:
        """One more unit is done."""
        self.done += 1
        self.failed += failed
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, advance=1, description=f"{self.name} {note or label}"[-40:])
        elif self.done == self.total or time.monotonic() - self._told > LINE_SECONDS:
            self._told = time.monotonic()
            failed_note = f", {self.failed} failed" if self.failed else ""
            tell(f"{self.name}: {self.done} of {self.total}{failed_note} {note}".rstrip())


@contextmanager
def progress(name: str, total: int) -> Iterator[Progress]:
    """A phase of `total` units, shown while the block lasts."""
    if not sys.stderr.isatty():
        yield Progress(name, total, None)
        return
    columns = (
        TextColumn("{task.description:<40}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        yield Progress(name, total, bar)


def tell(line: str) -> None:
    """One line for the person who waits; standard output stays for results."""
    print(redacted(line), file=sys.stderr, flush=True)
