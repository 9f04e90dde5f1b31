"""Ranks of a training: what `torchrun` started, one process a device, and what they do together.

With `ddp` every rank holds the whole model and gradients are averaged; with `fsdp` (FSDP2) weights, gradients and
moments are cut up, block by block. Either way a rank computes its part of every batch, and what is saved is whole, so
that any number of ranks can go on from it.

What cuts weights up is imported only where there are several ranks: it takes a second, a fifth of the smallest
trainings of a ladder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class Ranks:
    """This process among those of a training.

    Attributes:
        rank: Its number, from 0.
        count: How many there are.
        device: What it computes on.
    """

    rank: int
    count: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this is the one that writes and speaks."""
        return self.rank == 0

    def add(self, values: Tensor) -> Tensor:
        """The sum over all ranks, on all of them."""
        if self.count > 1:
            dist.all_reduce(values)
        return values


@contextmanager
def join_ranks(device: torch.device) -> Iterator[Ranks]:
    """The ranks `torchrun` started, or this process alone, for as long as the block lasts."""
    if not dist.is_torchelastic_launched():
        yield Ranks(0, 1, device)
        return
    if device.type == "cuda":
        device = torch.device("cuda", dist.get_node_local_rank())
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Ranks(dist.get_rank(), dist.get_world_size(), device)
    finally:
        dist.destroy_process_group()


def spread(objective: nn.Module, blocks: list[nn.Module], kind: str, ranks: Ranks, bf16: bool) -> nn.Module:
    """A module whose gradients are averaged over the ranks; `objective` itself where there is one rank.

    Args:
        objective: What is called with a part of a batch; the model is inside.
        blocks: Its parts that FSDP cuts up one by one.
        kind: "ddp" or "fsdp".
        bf16: FSDP gathers weights in bfloat16; gradients are averaged in float32.
    """
    if ranks.count == 1:
        return objective
    if kind == "ddp":
        ids = [ranks.device.index] if ranks.device.type == "cuda" else None
        return DistributedDataParallel(objective, device_ids=ids)
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    mesh = init_device_mesh(ranks.device.type, (ranks.count,))
    policy = MixedPrecisionPolicy(torch.bfloat16 if bf16 else None, torch.float32)
    for block in blocks:
        fully_shard(block, mesh=mesh, mp_policy=policy)
    fully_shard(objective, mesh=mesh, mp_policy=policy)
    return objective


@contextmanager
def gradients_later(module: Any, later: bool) -> Iterator[None]:
    """Whether the backward passes of the block leave averaging to a later one: parts of a step add up first."""
    if isinstance(module, DistributedDataParallel) and later:
        with module.no_sync():
            yield
        return
    if hasattr(module, "set_requires_gradient_sync"):
        module.set_requires_gradient_sync(not later)
    yield


def whole(tensor: Tensor) -> Tensor:
    """All of a tensor that may be cut up; every rank must ask."""
    all_of: Callable[[], Tensor] | None = getattr(tensor, "full_tensor", None)
    return all_of() if all_of is not None else tensor


def like(value: Tensor, weight: Tensor) -> Tensor:
    """A whole tensor cut up as `weight` is, on its device."""
    if not hasattr(weight, "full_tensor"):
        return value.to(weight.device)
    from torch.distributed.tensor import DTensor, distribute_tensor

    assert isinstance(weight, DTensor)
    return distribute_tensor(value.to(weight.device), weight.device_mesh, weight.placements)
