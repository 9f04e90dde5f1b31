"""Work as it goes, in the Prefect UI: a phase with its rate and the time left, a training with its loss so far."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.context import FlowRunContext, TaskRunContext

from flows.progress import Progress, tell

_EVERY_SECONDS = 5.0
_COLUMNS = 60
_BARS = "▁▂▃▄▅▆▇█"


class LivePhase:
    """The progress artifact of a phase: how much is done, how fast it goes, and how long the rest will take.

    Args:
        shown: What counts the phase's units; its name names the artifact.
        clock: Seconds, for tests.
    """

    def __init__(self, shown: Progress, clock: Callable[[], float] = time.monotonic) -> None:
        self._shown, self._clock = shown, clock
        self._started = self._told = clock()
        self._artifact: UUID | None = None

    def update(self) -> None:
        """Say where the phase is, at most every few seconds, and when it ends."""
        now, ended = self._clock(), self._shown.done >= self._shown.total
        if FlowRunContext.get() is None or (now - self._told < _EVERY_SECONDS and not ended):
            return
        self._told = now
        percent, line = 100.0 * self._shown.done / max(self._shown.total, 1), self.line(now)
        if self._artifact is None:
            key = f"{re.sub('[^a-z0-9]+', '-', self._shown.name.lower())}-progress"
            made: Any = create_progress_artifact(progress=percent, key=key, description=line)
            self._artifact = made
        else:
            update_progress_artifact(self._artifact, progress=percent, description=line)

    def line(self, now: float) -> str:
        """`12 of 47 done, 1 failed; 3.4 a minute, 10 min left`."""
        shown, elapsed = self._shown, max(now - self._started, 1e-9)
        failed = f", {shown.failed} failed" if shown.failed else ""
        per_second = shown.done / elapsed
        left = (shown.total - shown.done) / per_second if shown.done else 0.0
        rest = f"{_duration(left)} left" if shown.done < shown.total else f"took {_duration(elapsed)}"
        return f"{shown.done:,} of {shown.total:,} done{failed}; {_rate(per_second)}, {rest}"


class LiveTraining:
    """Listens to a training's events: moves a progress display, and the artifact every five seconds.

    Args:
        label: The training's name.
        shown: The display; None where there is none to move.
    """

    def __init__(self, label: str, shown: Progress | None = None) -> None:
        self._label, self._shown = label, shown
        self._losses: list[float] = []
        self._artifact: UUID | None = None
        self._told = 0.0

    def __call__(self, event: dict[str, Any]) -> None:
        """One event of the child process."""
        if event["event"] == "warning":
            tell(f"{self._label}: {event['text']}")
        if "step" not in event:
            return
        note = f"loss {event['loss']:.3f}, {event['tokens_per_second']:,.0f} tokens/s" if "loss" in event else ""
        while self._shown is not None and self._shown.done < event["step"]:
            self._shown.advance(note=note)
        if "loss" in event:
            self._losses.append(event["loss"])
        now = time.monotonic()
        if now - self._told >= _EVERY_SECONDS or event["step"] == event["steps"]:
            self._told = now
            self._publish(100.0 * event["step"] / event["steps"], f"{event['step']} of {event['steps']} steps, {note}")

    def _publish(self, percent: float, line: str) -> None:
        if FlowRunContext.get() is None and TaskRunContext.get() is None:
            return
        text = f"{self._label}: {line}\n\n`{curve_of(self._losses)}`"
        if self._artifact is None:
            made: Any = create_progress_artifact(progress=percent, key="training-progress", description=text)
            self._artifact = made
        else:
            update_progress_artifact(self._artifact, progress=percent, description=text)


def _rate(per_second: float) -> str:
    return f"{per_second:,.1f} a second" if per_second >= 1 else f"{60 * per_second:,.1f} a minute"


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def curve_of(losses: list[float]) -> str:
    """Losses as a line of bars, highest to lowest, the means of equal stretches; empty without any."""
    width = min(_COLUMNS, len(losses))
    edges = [len(losses) * i // width for i in range(width + 1)] if width else []
    means = [sum(losses[a:b]) / (b - a) for a, b in itertools.pairwise(edges)]
    low, high = min(means, default=0.0), max(means, default=0.0)
    span = (high - low) or 1.0
    bars = "".join(_BARS[round((mean - low) / span * (len(_BARS) - 1))] for mean in means)
    return f"{high:.3f} {bars} {low:.3f}" if bars else ""
