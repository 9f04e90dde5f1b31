"""Cross-entropy in float32 over logits that never exist whole.

A batch of 8,192 tokens has 4 GB of float32 logits in a vocabulary of 128,256, and as much of gradients. Here rows go
through the output matrix a chunk at a time: losses and gradients are made while the chunk's logits exist, so nothing
is computed twice and only the gradients of the hidden rows and of the matrix stay.

Shapes, in tensor names: N rows, D width, V vocabulary.
Source: Hsu et al. 2024, "Liger Kernel", arXiv:2410.10989; z-loss: Chowdhery et al. 2022 (PaLM), section 5.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

_CHUNK_VALUES, _CHUNK_ROWS = 1 << 21, 256


def rows_at_once(vocabulary: int) -> int:
    """Rows whose logits exist together: some MB of them, but never so few rows that reading the matrix is the work."""
    return max(_CHUNK_ROWS, _CHUNK_VALUES // vocabulary)


class Loss(NamedTuple):
    """A sum of losses and how many tokens it is over; both scalar tensors."""

    nats: Tensor
    tokens: Tensor

    @property
    def mean(self) -> Tensor:
        """Nats a token."""
        return self.nats / self.tokens.clamp(min=1)


def head_loss(
    rows_ND: Tensor, weight_VD: Tensor, bias_V: Tensor | None, targets_N: Tensor, z_loss: float = 0.0
) -> Tensor:
    """Sum of -log softmax(rows · weightᵀ + bias)[target] in nats, float32; all targets are ids.

    Args:
        z_loss: Adds this times the squared logarithm of the softmax's denominator: keeps logits from drifting.
    """
    autocast = torch.is_autocast_enabled(rows_ND.device.type)
    kind = torch.get_autocast_dtype(rows_ND.device.type) if autocast else weight_VD.dtype
    rows_ND, weight_VD = rows_ND.to(kind), weight_VD.to(kind)
    if torch.is_grad_enabled() and (rows_ND.requires_grad or weight_VD.requires_grad):
        loss: Tensor = _HeadLoss.apply(rows_ND, weight_VD, bias_V, targets_N, z_loss)  # type: ignore[no-untyped-call]
        return loss
    nats = torch.zeros((), dtype=torch.float32, device=rows_ND.device)
    for rows, targets in _chunks(rows_ND, targets_N, len(weight_VD)):
        nats += _turn_to_chances(_logits(rows, weight_VD, bias_V), targets, z_loss)[0]
    return nats


def _chunks(rows_ND: Tensor, targets_N: Tensor, vocabulary: int) -> list[tuple[Tensor, Tensor]]:
    size = rows_at_once(vocabulary)
    return list(zip(rows_ND.split(size), targets_N.split(size), strict=True))  # type: ignore[no-untyped-call]


def _logits(rows_ND: Tensor, weight_VD: Tensor, bias_V: Tensor | None) -> Tensor:
    logits = (rows_ND @ weight_VD.T).float()
    return logits if bias_V is None else logits.add_(bias_V.float())


def _turn_to_chances(logits_NV: Tensor, targets_N: Tensor, z_loss: float) -> tuple[Tensor, Tensor]:
    """Sum of losses, and the logarithm of each row's denominator; what were logits are probabilities afterwards."""
    asked = logits_NV.gather(1, targets_N[:, None])[:, 0]
    most = logits_NV.amax(dim=1)
    total = logits_NV.sub_(most[:, None]).exp_().sum(dim=1)
    log_sum = total.log() + most
    logits_NV.div_(total[:, None])
    nats = (log_sum - asked).sum()
    return (nats + z_loss * log_sum.square().sum() if z_loss else nats), log_sum


class _HeadLoss(torch.autograd.Function):
    """Losses forwards, and at once what backwards only has to scale."""

    @staticmethod
    def forward(
        ctx: Any, rows_ND: Tensor, weight_VD: Tensor, bias_V: Tensor | None, targets_N: Tensor, z_loss: float
    ) -> Tensor:
        nats = torch.zeros((), dtype=torch.float32, device=rows_ND.device)
        to_rows = torch.empty_like(rows_ND)
        to_weight = torch.zeros_like(weight_VD, dtype=torch.float32)
        to_bias = None if bias_V is None else torch.zeros_like(bias_V, dtype=torch.float32)
        start = 0
        for rows, targets in _chunks(rows_ND, targets_N, len(weight_VD)):
            slope = _logits(rows, weight_VD, bias_V)
            found, log_sum = _turn_to_chances(slope, targets, z_loss)
            nats += found
            if z_loss:
                slope *= (1 + 2 * z_loss * log_sum)[:, None]
            slope[torch.arange(len(targets), device=targets.device), targets] -= 1
            if to_bias is not None:
                to_bias += slope.sum(dim=0)
            slope = slope.to(rows.dtype)
            torch.mm(slope, weight_VD, out=to_rows[start : start + len(rows)])
            if rows.dtype == torch.float32:
                to_weight.addmm_(slope.T, rows)
            else:
                to_weight += slope.T @ rows
            start += len(rows)
            del slope  # before the next chunk's logits are there
        ctx.save_for_backward(to_rows, to_weight, to_bias)
        ctx.spent = False
        ctx.kinds = weight_VD.dtype, None if bias_V is None else bias_V.dtype
        return nats

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        to_rows, to_weight, to_bias = ctx.saved_tensors
        if ctx.spent:  # scaled in place: the matrix's gradient may be gigabytes
            raise RuntimeError("this loss goes back once")
        ctx.spent = True
        scale, (weight_kind, bias_kind) = gradients[0], ctx.kinds
        bias = None if to_bias is None else to_bias.mul_(scale).to(bias_kind)
        return to_rows.mul_(scale.to(to_rows.dtype)), to_weight.mul_(scale).to(weight_kind), bias, None, None
