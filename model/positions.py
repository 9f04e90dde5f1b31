"""How a model knows where a token is: angles, buckets of distances, waves. Learned positions are only a table.

Shapes, in tensor names: T positions, S positions attended to, E head width, D d_model.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from model.config import ModelConfig
from model.parts import RopeScaling


def rotary_angles(config: ModelConfig, start: int, positions: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosine and sine of every position's angles, float32[T, E]. Source: Su et al. 2021, arXiv:2104.09864."""
    exponents = torch.arange(0, config.head_dim, 2, dtype=torch.float32, device=device) / config.head_dim
    frequencies = 1.0 / config.rope_base**exponents
    if config.rope_scaling is not None:
        frequencies = _stretched(frequencies, config.rope_scaling)
    positions_T = torch.arange(start, start + positions, dtype=torch.float32, device=device)
    angles = torch.outer(positions_T, frequencies)
    angles_TE = torch.cat([angles, angles], dim=-1)
    return angles_TE.cos(), angles_TE.sin()


def _stretched(frequencies: Tensor, scaling: RopeScaling) -> Tensor:
    """Frequencies over `factor` times the length. Source: llama-models, models/llama3/reference_impl/model.py."""
    if scaling.kind == "linear":
        return frequencies / scaling.factor
    turns = scaling.original_positions * frequencies / (2 * math.pi)
    kept = (turns - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor)
    kept = kept.clamp(0.0, 1.0)
    return (1 - kept) * frequencies / scaling.factor + kept * frequencies


def rotate(x_BTHE: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
    """Turn each pair (x[e], x[e + E/2]) by its position's angle, in float32."""
    cos, sin = (part[:, None, : part.shape[1] // 2] for part in angles)
    if torch.compiler.is_compiling():  # it fuses plain sums, and breaks its graph at one that writes into a part
        first, second = x_BTHE.float().chunk(2, dim=-1)
        return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1).type_as(x_BTHE)
    turned: Tensor = _Rotate.apply(x_BTHE, cos, sin)  # type: ignore[no-untyped-call]
    return turned


class _Rotate(torch.autograd.Function):
    """Going back is turning back: nothing but the angles is kept, and half as much memory is touched as by autograd's
    own way through the rotation's sums and products.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return _turned(x, cos, sin)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        return _turned(gradients[0], cos, -sin), None, None


def _turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.float().chunk(2, dim=-1)
    out = torch.empty(x.shape, dtype=torch.float32, device=x.device)
    left, right = out.chunk(2, dim=-1)
    torch.mul(first, cos, out=left).addcmul_(second, sin, value=-1)
    torch.mul(second, cos, out=right).addcmul_(first, sin)
    return out.type_as(x)


def distance_buckets(config: ModelConfig, queries_T: Tensor, seen: int, causal: bool) -> Tensor:
    """T5's bucket of each query's position and each of the first `seen`, int64[T, S]: half of them exact, half
    logarithmic.

    Positions looked at may lie on both sides (the upper half of the buckets is for those after) or, in a causal
    stack, only before. Source: Raffel et al. 2020, section 2.1; mesh_tensorflow, transformer/transformer_layers.py.
    """
    before = queries_T[:, None] - torch.arange(seen, device=queries_T.device)
    buckets = config.relative_buckets if causal else config.relative_buckets // 2
    side = torch.zeros_like(before) if causal else (before < 0).long() * buckets
    distance = before.clamp(min=0) if causal else before.abs()
    exact = buckets // 2
    ratio = torch.log(distance.clamp(min=1).float() / exact) / math.log(config.relative_distance / exact)
    far = (exact + (ratio * (buckets - exact)).long()).clamp(max=buckets - 1)
    return side + torch.where(distance < exact, distance, far)


def distance_waves(width: int, distances: int, like: Tensor) -> Tensor:
    """Sines, then cosines, of distances 0, 1, 2..., float[distances, D]. Source: Dai et al. 2019, arXiv:1901.02860."""
    exponents = torch.arange(0, width, 2, dtype=torch.float32, device=like.device) / width
    angles = torch.outer(torch.arange(distances, dtype=torch.float32, device=like.device), 10_000.0**-exponents)
    return torch.cat([angles.sin(), angles.cos()], dim=-1).type_as(like)
