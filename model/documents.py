"""Attention within documents: packed ones do not see each other, and what they would have seen is not computed.

Boundaries come with the shards, so nothing is searched. Two ways, the same numbers:
- groups of documents of about one length, each group one dense attention of its own: what a CPU does;
- FlexAttention with a block mask, which skips blocks that no document spans: what a GPU does.
A mask of every position against every other, float or bool[B, 1, T, T], is never made: it costs T² and shuts
FlashAttention out. docs/benchmarks.md says from which length this pays.

Shapes, in tensor names: B sequences, T positions, N documents of a group, Q queries, S keys, H heads, E head width.
Source: Dubey et al. 2024, section 3.2; Dong et al. 2024, "Flex Attention", arXiv:2412.05496.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention

Ints = npt.NDArray[np.int64]
Attend = Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]
"""Queries, keys, values, each [N, Q or S, heads, E], and which keys are real, bool[N, S]; gives [N, Q, H, E]."""


@dataclass(frozen=True)
class Side:
    """Where the positions of one side, queries or keys, lie among the groups.

    Attributes:
        sources: The position in the flattened batch that is in each place of the groups, int64; documents are made
            up to their group's length by repeating their last position.
        real: False for what only makes up a length, bool, as long.
        places: The place of each position, int64[B T].
        shapes: Documents and length of each group.
        ids: Number of each position's document in its row, int32[B, T].
    """

    sources: Tensor
    real: Tensor
    places: Tensor
    shapes: tuple[tuple[int, int], ...]
    ids: Tensor

    def group(self, x_BTHE: Tensor) -> list[Tensor]:
        """Documents of about one length side by side, a tensor [N, Q, H, E] for each group."""
        return self._split(_move(x_BTHE.flatten(0, 1), self.sources, self.places, None))

    def ungroup(self, groups: list[Tensor], like_BTHE: Tensor) -> Tensor:
        """Back where they were, [B, T, H, E]."""
        flat = torch.cat([group.flatten(0, 1) for group in groups])
        return _move(flat, self.places, self.sources, self.real).view_as(like_BTHE)

    def visible(self) -> list[Tensor]:
        """`real` of each group, bool[N, Q]."""
        return self._split(self.real)

    def _split(self, x: Tensor) -> list[Tensor]:
        parts = torch.split(x, [documents * length for documents, length in self.shapes])
        return [part.view(*shape, *x.shape[1:]) for part, shape in zip(parts, self.shapes, strict=True)]

    def to(self, device: torch.device) -> Side:
        """On another device."""
        sources, real, places, ids = (
            x.to(device, non_blocking=True) for x in (self.sources, self.real, self.places, self.ids)
        )
        return Side(sources, real, places, self.shapes, ids)


class _Move(torch.autograd.Function):
    """Rows of x in another order, gradients by the inverse order: several times faster than indexing's own backward,
    which must add up. What is there twice only makes up a length, and its gradient is 0.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, order: Tensor, inverse: Tensor, real: Tensor | None) -> Tensor:
        ctx.save_for_backward(inverse, real)
        return x.index_select(0, order)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        inverse, real = ctx.saved_tensors
        gradient = gradients[0].index_select(0, inverse)
        if real is not None:
            gradient = gradient.masked_fill_(~real.view(-1, *[1] * (gradient.ndim - 1)), 0.0)
        return gradient, None, None, None


def _move(x: Tensor, order: Tensor, inverse: Tensor, real: Tensor | None) -> Tensor:
    moved: Tensor = _Move.apply(x, order, inverse, real)  # type: ignore[no-untyped-call]
    return moved


@dataclass(frozen=True)
class Documents:
    """Which positions belong together, in a batch whose every position belongs to one document."""

    queries: Side
    keys: Side

    def attend(self, attend: Attend, q_BTHE: Tensor, k_BSKE: Tensor, v_BSKE: Tensor) -> Tensor:
        """Attention of every document by itself, [B, T, H, E]."""
        sides = (self.queries.group(q_BTHE), self.keys.group(k_BSKE), self.keys.group(v_BSKE), self.keys.visible())
        return self.queries.ungroup([attend(*group) for group in zip(*sides, strict=True)], q_BTHE)

    def attend_blocks(self, q_BTHE: Tensor, k_BSKE: Tensor, v_BSKE: Tensor, scale: float, blocks: BlockMask) -> Tensor:
        """The same by FlexAttention, under the mask of `block_mask`; for a GPU."""
        # in what is compiled already it is part of that: a compiler within it would only be warned of
        run = _compiled_flex() if q_BTHE.is_cuda and not torch.compiler.is_compiling() else flex_attention
        grouped = q_BTHE.shape[2] != k_BSKE.shape[2]
        heads_first = [x.transpose(1, 2) for x in (q_BTHE, k_BSKE, v_BSKE)]
        out: Any = run(*heads_first, block_mask=blocks, scale=scale, enable_gqa=grouped)
        return out.transpose(1, 2)  # type: ignore[no-any-return]

    def block_mask(self, causal: bool) -> BlockMask:
        """Which blocks of 128 x 128 positions any document spans; made once a batch, used by all layers."""
        queries, keys = self.queries.ids, self.keys.ids

        def visible(b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
            same = queries[b, q] == keys[b, k]
            return same & (q >= k) if causal else same

        (batch, positions), seen = queries.shape, keys.shape[1]
        return create_block_mask(visible, batch, None, positions, seen, device=str(queries.device))

    def to(self, device: torch.device) -> Documents:
        """On another device."""
        queries = self.queries.to(device)
        return Documents(queries, queries if self.keys is self.queries else self.keys.to(device))


@cache
def _compiled_flex() -> Any:
    return torch.compile(flex_attention, dynamic=False)


def documents_of(starts: Sequence[Ints], positions: int) -> Documents:
    """Documents of a batch by where each begins in its row; one that begins at 0 is always there.

    Args:
        starts: For every row, ascending positions below `positions`.
        positions: T.
    """
    edges = [np.unique(np.concatenate([[0], row, [positions]])) for row in starts]
    return match_documents([np.diff(row) for row in edges])


def match_documents(queries: Sequence[Ints], keys: Sequence[Ints] | None = None) -> Documents:
    """Document i of each row attends to document i of its other side, or to itself.

    Args:
        queries, keys: For every row the lengths of its documents, as many on either side; a side's rows are of one
            length. None: the same side.
    """
    lengths = np.concatenate([*queries])
    others = lengths if keys is None else np.concatenate([*keys])
    kinds = np.stack([_rounded(lengths), _rounded(others)], axis=1)
    order = np.lexsort((kinds[:, 1], kinds[:, 0]))
    edges = np.flatnonzero(np.any(np.diff(kinds[order], axis=0, prepend=-1), axis=1))
    groups = np.split(order, edges[1:])
    side = _side(lengths, groups, queries)
    return Documents(side, side if keys is None else _side(others, groups, keys))


def _side(lengths: Ints, groups: list[Ints], rows: Sequence[Ints]) -> Side:
    """Where everything goes: `groups` says which documents, of those counted through all rows, are side by side."""
    starts = np.cumsum(lengths) - lengths
    sources, real, shapes = [], [], []
    for group in groups:
        length, rank = lengths[group, None], np.arange(lengths[group].max())
        sources.append((starts[group, None] + np.minimum(rank, length - 1)).ravel())
        real.append((rank < length).ravel())
        shapes.append((len(group), len(rank)))
    source, is_real = np.concatenate(sources), np.concatenate(real)
    places = np.empty(lengths.sum(), np.int64)
    places[source[is_real]] = np.flatnonzero(is_real)
    ids = np.stack([np.repeat(np.arange(len(row), dtype=np.int32), row) for row in rows])
    return Side(
        torch.from_numpy(source), torch.from_numpy(is_real), torch.from_numpy(places), tuple(shapes),
        torch.from_numpy(ids),
    )  # fmt: skip


def _rounded(lengths: Ints) -> Ints:
    """Lengths up to which documents are made up: 16, 24, 32, 48, 64...: at most half more."""
    power = 1 << np.ceil(np.log2(np.maximum(lengths, 16))).astype(np.int64)
    return np.where(lengths <= power * 3 // 4, np.maximum(power * 3 // 4, 16), power)
