"""Steps that would harm a training: losses that are no numbers, and spikes. What to do about each, and in words.

A harmful step is left out: its batch is passed by and no weight changes. Several in a row say that the harm is done
already: the training goes back to a checkpoint and on with the batches that come next.
Source: Chowdhery et al. 2022 (PaLM), section 5.1; Touvron et al. 2023.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Literal

from model.config import TrainConfig

Verdict = Literal["take", "skip", "roll back"]

_WINDOW = 64
_LEAST_DEVIATION = 0.02
"""As a share of the mean loss: on a plateau the losses of a few large batches differ too little to judge by."""


def judge(loss: float, norm: float, taken: Sequence[float], skipped: int, config: TrainConfig) -> tuple[Verdict, str]:
    """What to do with a step, and why.

    Args:
        loss: Of this step, nats a token.
        norm: Of its gradient, before clipping.
        taken: Losses of the steps taken so far; the last 64 count, and without so many there are no spikes.
        skipped: Steps left out just before this one.
    """
    why = _fault(loss, norm, taken, config)
    if not why:
        return "take", ""
    return ("skip" if skipped + 1 < config.patience_steps else "roll back"), why


def _fault(loss: float, norm: float, taken: Sequence[float], config: TrainConfig) -> str:
    if not math.isfinite(loss):
        return f"its loss is {loss}"
    if not math.isfinite(norm):
        return f"the norm of its gradient is {norm}"
    recent = taken[-_WINDOW:]
    if len(recent) < _WINDOW:
        return ""
    mean = statistics.fmean(recent)
    limit = mean + config.spike_deviations * max(statistics.pstdev(recent, mean), _LEAST_DEVIATION * mean)
    return f"its loss of {loss:.3f} is a spike (above {limit:.3f})" if loss > limit else ""
