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

CHUNK_VALUES = 1 << 24
"""Logits that exist at once: 64 MB in float32."""


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
        logits = _logits(rows, weight_VD, bias_V)
        log_sum = logits.logsumexp(dim=1)
        nats += _nats(logits, log_sum, targets, z_loss)
    return nats


def _chunks(rows_ND: Tensor, targets_N: Tensor, vocabulary: int) -> list[tuple[Tensor, Tensor]]:
    size = max(1, CHUNK_VALUES // vocabulary)
    return list(zip(rows_ND.split(size), targets_N.split(size), strict=True))  # type: ignore[no-untyped-call]


def _logits(rows_ND: Tensor, weight_VD: Tensor, bias_V: Tensor | None) -> Tensor:
    logits = (rows_ND @ weight_VD.T).float()
    return logits if bias_V is None else logits.add_(bias_V.float())


def _nats(logits_NV: Tensor, log_sum_N: Tensor, targets_N: Tensor, z_loss: float) -> Tensor:
    nats = (log_sum_N - logits_NV.gather(1, targets_N[:, None])[:, 0]).sum()
    return nats + z_loss * log_sum_N.square().sum() if z_loss else nats


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
            logits = _logits(rows, weight_VD, bias_V)
            log_sum = logits.logsumexp(dim=1)
            nats += _nats(logits, log_sum, targets, z_loss)
            slope = logits.sub_(log_sum[:, None]).exp_()  # in place: the logits' gradient takes their room
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
