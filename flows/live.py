"""A training as it runs, in the Prefect UI: one artifact with its progress, its loss so far and a curve of it."""

from __future__ import annotations

import itertools
import time
from typing import Any
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.context import FlowRunContext, TaskRunContext

from flows.progress import Progress, tell

_EVERY_SECONDS = 5.0
_COLUMNS = 60
_BARS = "▁▂▃▄▅▆▇█"


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


def curve_of(losses: list[float]) -> str:
    """Losses as a line of bars, highest to lowest, the means of equal stretches; empty without any."""
    width = min(_COLUMNS, len(losses))
    edges = [len(losses) * i // width for i in range(width + 1)] if width else []
    means = [sum(losses[a:b]) / (b - a) for a, b in itertools.pairwise(edges)]
    low, high = min(means, default=0.0), max(means, default=0.0)
    span = (high - low) or 1.0
    bars = "".join(_BARS[round((mean - low) / span * (len(_BARS) - 1))] for mean in means)
    return f"{high:.3f} {bars} {low:.3f}" if bars else ""
