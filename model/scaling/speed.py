"""How long a training takes on a machine: measured steps of a few sizes, and what they say of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field
from scipy.optimize import nnls

from model.config import Device, ModelConfig
from model.memory import count_parameters
from model.scaling.hardware import ACCELERATORS
from model.scaling.ladder import Rung
from storage.errors import UserError
from storage.schema import Section

ASSUMED_SHARE = 0.3
"""Of a GPU's peak that small models reach, where there is no GPU to measure."""

ASSUMED_OVERHEAD = 6e-3
"""Seconds a step takes on a GPU however small the model: launching its kernels."""

SLACK = 1.15
"""Planned over predicted time: loading, measuring on held-out text, and starting the processes."""

ACTIVATION_VALUES = 16
"""Values kept a token, layer and unit of width for the backward pass, attention's scores aside. Source: Korthikanti
et al. 2022, (1), without its 16-bit bytes."""


class RateSpec(Section):
    """All a measuring process is told."""

    models: tuple[ModelConfig, ...]
    batch_tokens: tuple[int, ...] = Field(description="tokens a step, one for each model")
    sequence_length: int
    seconds: float = Field(1.5, gt=0, description="to measure each model for")
    threads: int = Field(1, ge=0, description="CPU threads; 0: all")
    device: Device = "auto"


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds of a step = overhead + flops / rate.

    Attributes:
        overhead: Seconds a step takes however small it is.
        flops_per_second: Of 6 N D, with all that runs side by side running.
        device: In words.
        measured: Whether this is of a measurement; otherwise of a data sheet.
    """

    overhead: float
    flops_per_second: float
    device: str
    measured: bool

    def seconds(self, rung: Rung, sequence_length: int) -> float:
        """Predicted seconds of a training."""
        return rung.steps(sequence_length) * self.overhead + rung.flops / self.flops_per_second


def fit_speed(flops: Sequence[float], seconds: Sequence[float], device: str) -> Speed:
    """The speed of measured steps: FLOP and seconds of one step each. Both parts are at least 0.

    Raises:
        UserError: The steps took no time, or do not get slower with size.
    """
    design = np.column_stack([np.ones(len(flops)), flops])
    weight = 1 / np.asarray(seconds)
    (overhead, inverse), _ = nnls(design * weight[:, None], np.ones(len(flops)))
    if inverse <= 0:
        raise UserError("the measured steps do not take longer for larger models.", "Measure again on a quiet machine.")
    return Speed(float(overhead), float(1 / inverse), device, True)


def assumed_speed(gpu: str) -> Speed:
    """A GPU's, from its data sheet, where there is none to measure.

    Raises:
        UserError: It is not in the table.
    """
    found = ACCELERATORS.get(gpu.lower())
    if found is None:
        raise UserError(f"there is no device {gpu!r}.", f"Take cpu, cuda or one of {', '.join(ACCELERATORS)}.")
    return Speed(ASSUMED_OVERHEAD, ASSUMED_SHARE * found.flops_per_second, f"{found.name}, assumed", False)


def fresh_fracs(ladder: Sequence[Rung]) -> dict[str, float]:
    """By the run's name the share of it that no shorter run of its stem has computed; 1 where nothing is shared."""
    computed: dict[tuple[str, int, float], float] = {}
    found = {}
    for rung in sorted(ladder, key=lambda rung: rung.tokens):
        stem = (rung.model.model_dump_json(), rung.train.seed, rung.learning_rate)
        before = computed.get(stem, 0.0) if rung.train.schedule == "wsd" else 0.0
        found[rung.name] = 1 - before / rung.tokens
        computed[stem] = rung.tokens * (1 - rung.train.decay_frac)
    return found


def training_bytes(model: ModelConfig, batch_tokens: int, sequence_length: int, bytes_per_value: int = 4) -> float:
    """Memory of a training step: weights, gradients, two moments, activations and logits with their gradients."""
    state = 4.0 * count_parameters(model).total
    attention = model.n_layers * model.n_heads * sequence_length
    activations = batch_tokens * (ACTIVATION_VALUES * model.n_layers * model.d_model + attention)
    logits = 3.0 * batch_tokens * model.vocab_size
    return bytes_per_value * (state + activations + logits)
