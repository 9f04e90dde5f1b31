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

from collections import defaultdict
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
class Group:
    """Documents of about one length, made up to one by repeating a position.

    Attributes:
        queries, keys: Where in the flattened batch each position is, int64[N, Q] and [N, S].
        visible: False for what only makes up the length, bool[N, S].
    """

    queries: Tensor
    keys: Tensor
    visible: Tensor


@dataclass(frozen=True)
class Documents:
    """Which positions belong together, in a batch whose every position belongs to one document.

    Attributes:
        groups: All documents, by length.
        places: Where each position's output is among those of the groups, int64[B T].
        query_ids, key_ids: Number of each position's document in its row, int32[B, T] and [B, S].
    """

    groups: tuple[Group, ...]
    places: Tensor
    query_ids: Tensor
    key_ids: Tensor

    def attend(self, attend: Attend, q_BTHE: Tensor, k_BSKE: Tensor, v_BSKE: Tensor) -> Tensor:
        """Attention of every document by itself, [B, T, H, E]."""
        q, k, v = (x.flatten(0, 1) for x in (q_BTHE, k_BSKE, v_BSKE))
        found = [
            attend(q[group.queries], k[group.keys], v[group.keys], group.visible).flatten(0, 1) for group in self.groups
        ]
        return torch.cat(found)[self.places].view_as(q_BTHE)

    def attend_blocks(self, q_BTHE: Tensor, k_BSKE: Tensor, v_BSKE: Tensor, scale: float, blocks: BlockMask) -> Tensor:
        """The same by FlexAttention, under the mask of `block_mask`; for a GPU."""
        run = _compiled_flex() if q_BTHE.is_cuda else flex_attention
        grouped = q_BTHE.shape[2] != k_BSKE.shape[2]
        heads_first = [x.transpose(1, 2) for x in (q_BTHE, k_BSKE, v_BSKE)]
        out: Any = run(*heads_first, block_mask=blocks, scale=scale, enable_gqa=grouped)
        return out.transpose(1, 2)  # type: ignore[no-any-return]

    def block_mask(self, causal: bool) -> BlockMask:
        """Which blocks of 128 x 128 positions any document spans; made once a batch, used by all layers."""
        queries, keys = self.query_ids, self.key_ids

        def visible(b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
            same = queries[b, q] == keys[b, k]
            return same & (q >= k) if causal else same

        (batch, positions), seen = queries.shape, keys.shape[1]
        return create_block_mask(visible, batch, None, positions, seen, device=str(queries.device))

    def to(self, device: torch.device) -> Documents:
        """On another device."""
        groups = tuple(
            Group(group.queries.to(device), group.keys.to(device), group.visible.to(device)) for group in self.groups
        )
        return Documents(groups, *(x.to(device) for x in (self.places, self.query_ids, self.key_ids)))


@cache
def _compiled_flex() -> Any:
    return torch.compile(flex_attention, dynamic=False)


def documents_of(starts: Sequence[Ints], positions: int) -> Documents:
    """Documents of a batch by where each begins in its row; one that begins at 0 is always there.

    Args:
        starts: For every row, ascending positions below `positions`.
        positions: T.
    """
    lengths = [_lengths(row, positions) for row in starts]
    return match_documents(lengths, lengths, positions, positions)


def _lengths(starts: Ints, positions: int) -> Ints:
    edges = np.unique(np.concatenate([[0], np.asarray(starts, np.int64), [positions]]))
    return np.diff(edges[(edges >= 0) & (edges <= positions)])


def match_documents(queries: Sequence[Ints], keys: Sequence[Ints], positions: int, seen: int) -> Documents:
    """Document i of each row attends to document i of its other side: lengths of both, which fill the rows.

    Args:
        queries, keys: For every row the lengths of its documents, as many on either side; their sums are
            `positions` and `seen`.
    """
    spans: dict[tuple[int, int], list[tuple[int, int, int, int]]] = defaultdict(list)
    for row, (long, wide) in enumerate(zip(queries, keys, strict=True)):
        first = row * positions + np.cumsum(long) - long
        other = row * seen + np.cumsum(wide) - wide
        for span in zip(first.tolist(), long.tolist(), other.tolist(), wide.tolist(), strict=True):
            spans[_rounded(span[1]), _rounded(span[3])].append(span)
    groups, places = [], np.zeros(len(queries) * positions, np.int64)
    done = 0
    for (most, widest), members in sorted(spans.items()):
        start, length, other, width = (np.array(column)[:, None] for column in zip(*members, strict=True))
        rank, key_rank = np.arange(min(most, length.max())), np.arange(min(widest, width.max()))
        index, keys_NS = start + np.minimum(rank, length - 1), other + np.minimum(key_rank, width - 1)
        real = rank < length
        places[index[real]] = done + np.flatnonzero(real)
        done += index.size
        groups.append(Group(*(torch.from_numpy(x) for x in (index, keys_NS, key_rank < width))))
    numbers = (np.stack([np.repeat(np.arange(len(row)), row) for row in side]) for side in (queries, keys))
    return Documents(tuple(groups), torch.from_numpy(places), *(torch.from_numpy(x.astype(np.int32)) for x in numbers))


def _rounded(length: int) -> int:
    """Length that documents are made up to: 16, 24, 32, 48, 64...: at most half more."""
    step = max(16, 1 << max(length - 1, 0).bit_length())
    return step * 3 // 4 if length <= step * 3 // 4 and step > 16 else step
