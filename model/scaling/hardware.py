"""What accelerators can do, to turn hours into FLOP, FLOP into money, and parameters into memory."""

from __future__ import annotations

import math
from dataclasses import dataclass

from storage.errors import UserError

TRAIN_BYTES_PER_PARAM = 16
"""AdamW in mixed precision: weights and gradients of 2 bytes, and in float32 weights and two moments; activations
come on top. Source: Rajbhandari et al. 2020 (ZeRO), section 3.1."""

SERVE_BYTES_PER_PARAM = 2
"""bfloat16 weights; the keys and values of what is being written come on top."""

USABLE_MEMORY = 0.8
"""Share of the memory that weights and optimiser may fill: the rest is for activations."""

INFERENCE_FLOPS_PER_PARAM_TOKEN = 2.0
"""A multiplication and an addition a parameter and token. Source: Kaplan et al. 2020, 2.1."""


@dataclass(frozen=True, slots=True)
class Accelerator:
    """One device, by its vendor's data sheet.

    Attributes:
        flops_per_second: Dense bfloat16 peak.
        memory_bytes: Of the device.
        dollars_per_hour: A round rental price to compare by, not an offer.
    """

    name: str
    flops_per_second: float
    memory_bytes: float
    dollars_per_hour: float


ACCELERATORS = {
    gpu.name: gpu
    for gpu in (
        Accelerator("a100", 312e12, 80e9, 1.5),
        Accelerator("h100", 989e12, 80e9, 2.5),
        Accelerator("h200", 989e12, 141e9, 3.0),
        Accelerator("b200", 2250e12, 192e9, 5.0),
        Accelerator("rtx4090", 165e12, 24e9, 0.4),
    )
}


def find_accelerator(name: str) -> Accelerator:
    """A device by its name.

    Raises:
        UserError: It is not known.
    """
    if (found := ACCELERATORS.get(name.lower())) is None:
        raise UserError(f"there is no GPU {name!r} in the table.", f"Take one of {', '.join(ACCELERATORS)}.")
    return found


def budget_flops(gpu: Accelerator, hours: float, mfu: float) -> float:
    """FLOP that so many device-hours buy, `mfu` of the peak being reached.

    Raises:
        UserError: No positive number of hours, or no share between 0 and 1.
    """
    if not (math.isfinite(hours) and hours > 0):
        raise UserError(f"{hours:g} GPU hours buy nothing.", "Give a positive number.")
    if not 0 < mfu <= 1:
        raise UserError(f"a utilisation of {mfu:g} is no share of the peak.", "Good trainings reach 0.3 to 0.5.")
    return hours * 3600 * gpu.flops_per_second * mfu


def gpu_hours(gpu: Accelerator, flops: float, mfu: float) -> float:
    """Device-hours that `flops` take."""
    return flops / (3600 * gpu.flops_per_second * mfu)


def devices_to_train(gpu: Accelerator, params: float) -> int:
    """Devices whose memory holds weights, gradients and optimiser of a model, evenly split."""
    return max(1, math.ceil(params * TRAIN_BYTES_PER_PARAM / (USABLE_MEMORY * gpu.memory_bytes)))


def devices_to_serve(gpu: Accelerator, params: float) -> int:
    """Devices whose memory holds a model's weights to serve it."""
    return max(1, math.ceil(params * SERVE_BYTES_PER_PARAM / (USABLE_MEMORY * gpu.memory_bytes)))
