"""What a first score says of a block through others: its neighbours', its containers', its page's scores."""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

import numpy as np

from pipeline.kernels.compiled import called, compiled, inlined
from pipeline.kernels.html_blocks import Blocks
from pipeline.kernels.html_columns import BYTES, NODE, PARENT, SHAPE

_OFFSETS = (-4, -3, -2, -1, 1, 2, 3, 4)
_LEVELS = 6
_WINDOWS = (3, 8, 25)
CONTEXT: tuple[str, ...] = (
    "score",
    *(f"block{offset:+d}_score" for offset in _OFFSETS),
    *(f"around{level}_{name}" for level in range(_LEVELS) for name in ("score", "page_frac", "best_score")),
    *(f"window{width}_score" for width in _WINDOWS),
    "before_frac",
    "page_score",
    "page_best_score",
    "page_log_bytes",
    "shape_score",
)
"""Columns of `measure_context`."""

_COLUMNS = len(CONTEXT)
_NEAR, _WIDTHS = np.array(_OFFSETS), np.array(_WINDOWS)
_LONG = 80  # bytes of a block whose score may speak for its container


def measure_context(blocks: Blocks, scores: np.ndarray) -> np.ndarray:
    """float32[blocks, context], see `CONTEXT`; averages are weighted by bytes.

    Args:
        blocks: The page's blocks.
        scores: float32[blocks], 0..1, of each block by itself.
    """
    return _measure(blocks.counts, blocks.elements, scores)


@compiled
def _measure(counts, elements, scores):
    blocks = len(counts)
    out = np.zeros((blocks, _COLUMNS), np.float32)
    if blocks == 0:
        return out
    sums = np.zeros((len(elements), 3))  # scored bytes, bytes, best score of a long block
    shapes = np.zeros((len(elements), 2))
    shape_of = _number_shapes(elements)
    scored, sizes = np.zeros(blocks + 1), np.zeros(blocks + 1)
    best = 0.0
    for b in range(blocks):
        size, score, node = counts[b, BYTES], scores[b], counts[b, NODE]
        scored[b + 1], sizes[b + 1] = scored[b] + score * size, sizes[b] + size
        sums[node, 0] += score * size
        sums[node, 1] += size
        if size >= _LONG:
            sums[node, 2] = max(sums[node, 2], score)
        shapes[shape_of[node], 0] += score * size
        shapes[shape_of[node], 1] += size
        best = max(best, score)
    for e in range(len(elements) - 1, 0, -1):
        parent = elements[e, PARENT]
        sums[parent, 0] += sums[e, 0]
        sums[parent, 1] += sums[e, 1]
        sums[parent, 2] = max(sums[parent, 2], sums[e, 2])
    total = max(scored[blocks], 1e-9)
    for b in range(blocks):
        at = _note_neighbours(out[b], b, scores)
        at = _note_ancestors(out[b], at, counts[b, NODE], elements, sums, total)
        for width in _WIDTHS:
            low, high = max(0, b - width), min(blocks, b + width + 1)
            out[b, at] = _mean(scored[high] - scored[low], sizes[high] - sizes[low])
            at += 1
        shape = shape_of[counts[b, NODE]]
        out[b, at] = scored[b + 1] / total
        out[b, at + 1] = _mean(scored[blocks], sizes[blocks])
        out[b, at + 2] = best
        out[b, at + 3] = np.log1p(scored[blocks])
        out[b, at + 4] = _mean(shapes[shape, 0], shapes[shape, 1])
    return out


@inlined
def _mean(total, size):
    return total / max(size, 1.0)


@called
def _note_neighbours(row, b, scores):
    row[0] = scores[b]
    at = 1
    for offset in _NEAR:
        other = b + offset
        row[at] = scores[other] if 0 <= other < len(scores) else -1.0
        at += 1
    return at


@called
def _note_ancestors(row, at, e, elements, sums, total):
    for _ in range(_LEVELS):
        row[at] = _mean(sums[e, 0], sums[e, 1])
        row[at + 1] = sums[e, 0] / total
        row[at + 2] = sums[e, 2]
        at += 3
        e = max(0, elements[e, PARENT])
    return at


@compiled
def _number_shapes(elements):
    """int64[elements]: the first element of the same name and class."""
    size = 1024
    while size < 2 * len(elements):
        size *= 2
    first = np.full(size, -1, np.int64)
    numbers = np.zeros(len(elements), np.int64)
    for e in range(len(elements)):
        key = elements[e, SHAPE]
        slot = (key ^ key >> 31) & (size - 1)
        while first[slot] >= 0 and elements[first[slot], SHAPE] != key:
            slot = (slot + 1) & (size - 1)
        if first[slot] < 0:
            first[slot] = e
        numbers[e] = first[slot]
    return numbers
