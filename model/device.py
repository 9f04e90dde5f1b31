"""What a device can do and what was used of it: a measured rate of arithmetic, and the most memory."""

from __future__ import annotations

import resource
import time
from functools import cache

import torch

_TURNS = 12
_SIZES = {"cpu": 768, "cuda": 8192}


def name_of(device: torch.device) -> str:
    """The device in words."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"cpu, {torch.get_num_threads()} threads"


def in_bf16(precision: str, device: torch.device) -> bool:
    """Whether products are computed in bfloat16, "auto" resolved by the device: a GPU does, a CPU does not."""
    return precision == "bf16" or (precision == "auto" and device.type == "cuda")


def measured_flops(device: torch.device, dtype: torch.dtype) -> float | None:
    """Rate of one large matrix product in this precision, the best of several, a second; None for a device it does
    not know how to time.

    Never a data sheet's peak: clocks, power limits and the precision in use differ. Measured once in a process: on a
    CPU it takes a fifth of a second, which the branches of a stem would each wait for.
    """
    return _measured(device, dtype, torch.get_num_threads())


@cache
def _measured(device: torch.device, dtype: torch.dtype, _threads: int) -> float | None:
    size = _SIZES.get(device.type)
    if size is None:
        return None
    left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    out = torch.empty(size, size, dtype=dtype, device=device)
    seconds = []
    for _ in range(_TURNS):
        _finish(device)
        start = time.perf_counter()
        torch.mm(left, right, out=out)
        _finish(device)
        seconds.append(time.perf_counter() - start)
    return float(2.0 * size**3 / min(seconds))


def peak_memory(device: torch.device) -> int:
    """Most bytes in use so far: of a GPU what tensors took, of a CPU what the whole process took."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
