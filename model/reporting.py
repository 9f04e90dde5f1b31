"""What a training says while it runs: JSON lines to whoever started it, curves for TensorBoard."""

from __future__ import annotations

import math
import time

from model.outcome import Timing
from model.process import emit
from model.schedule import learning_rate_at
from model.snapshots import Progress
from model.specs import TrainingSpec
from model.tensorboard import EventFile
from storage.uris import is_local, local_path

_REPORT_SECONDS = 0.5


class Reporter:
    """Tells of a step every half second, and of the last one.

    Args:
        spec: Of the training; curves go to its `out_dir`, where that is local.
        speaks: Whether this rank is the one that does.
        first: Steps done before.
        steps: Steps in all.
        timing: Of the steps so far.
    """

    def __init__(self, spec: TrainingSpec, speaks: bool, first: int, steps: int, timing: Timing) -> None:
        self._spec, self._speaks, self._steps, self._timing = spec, speaks, steps, timing
        self._told = 0.0
        local = speaks and is_local(spec.out_dir)
        self._curves = EventFile(local_path(spec.out_dir) / "tensorboard", first) if local else None

    def step(self, progress: Progress) -> None:
        """A step is done."""
        now = time.monotonic()
        if not self._speaks or (now - self._told < _REPORT_SECONDS and progress.step < self._steps):
            return
        self._told = now
        rate = learning_rate_at(progress.step - 1, self._steps, self._spec.train)
        values = {
            "loss": progress.losses[-1],
            "learning_rate": rate,
            "tokens_per_second": self._timing.tokens_per_second,
        }
        if self._curves is not None:
            self._curves.add(progress.step, values)
        shown = {name: value for name, value in values.items() if math.isfinite(value)}
        emit("step", step=progress.step, steps=self._steps, tokens=progress.step * self._timing.step_tokens, **shown)

    def close(self) -> None:
        """No more steps."""
        if self._curves is not None:
            self._curves.close()
