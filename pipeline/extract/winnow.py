"""Winnow's own extractor: a page's text blocks, scored twice, and those that are content in their order.

One pass over the page's bytes finds the blocks (`kernels/html_blocks.py`), an ensemble of small trees scores each by
itself, a second one with what the first said of its neighbours and containers (`weights.py` says what they were
trained on). A page's text depends on nothing but the page.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.extract.weights import load_model
from pipeline.kernels.block_context import measure_context
from pipeline.kernels.block_features import measure_blocks
from pipeline.kernels.html_attributes import ARIA_HIDDEN
from pipeline.kernels.html_blocks import Blocks, find_blocks
from pipeline.kernels.html_columns import BYTES, END, HIDES, NAME, NODE, START
from pipeline.kernels.html_tags import TAGS
from pipeline.kernels.trees import score_rows

FALLBACK = 0.5
"""Where no block passes the limit, those with at least this share of the best score are taken: a page with text has
some."""

_WALKS_PER_STEP = 256
_STEPS_PER_BLOCK = 20


class Judged(NamedTuple):
    """A page's blocks with what was thought of them; arrays over the blocks.

    Attributes:
        first: float32, score by itself, 0..1.
        second: float32, score with its surroundings, 0..1.
        kept: bool, whether it is content.
    """

    blocks: Blocks
    first: np.ndarray
    second: np.ndarray
    kept: np.ndarray


class Reason(NamedTuple):
    """One block for a person who asks why: its element, scores, verdict and text."""

    tag: str
    first: float
    second: float
    kept: bool
    text: str


def find_page_blocks(html: bytes) -> tuple[Blocks, int]:
    """The blocks of a page (UTF-8), and how many steps of a quarter of a microsecond finding and judging them takes."""
    blocks = find_blocks(html)
    return blocks, blocks.steps // _WALKS_PER_STEP + len(blocks.counts) * _STEPS_PER_BLOCK


def judge_blocks(blocks: Blocks) -> Judged:
    """Decide which blocks are content."""
    model = load_model()
    features = measure_blocks(blocks)
    first = score_rows(features, model.first)
    context = measure_context(blocks, first)
    second = score_rows(np.concatenate([features, context], axis=1), model.second)
    kept = second > model.limit
    if not kept.any() and len(second):
        kept = second >= FALLBACK * second.max()
    return Judged(blocks, first, second, _without_hidden(blocks, kept))


def _without_hidden(blocks: Blocks, kept: np.ndarray) -> np.ndarray:
    """Leave out what is not displayed, except on a page that keeps most of its text hidden until a script shows it."""
    hidden = (blocks.counts[:, HIDES] & ~ARIA_HIDDEN) != 0
    sizes = np.where(kept, blocks.counts[:, BYTES], 0)
    return kept & ~hidden if sizes[hidden].sum() <= sizes[~hidden].sum() else kept


def explain_page(html: bytes) -> list[Reason]:
    """Every block of a page (UTF-8) with its scores, in order."""
    blocks, first, second, kept = judge_blocks(find_page_blocks(html)[0])
    tags = [TAGS[blocks.elements[row[NODE], NAME]] or "body" for row in blocks.counts]
    texts = [bytes(blocks.text[row[START] : row[END]]).decode("utf-8", "replace") for row in blocks.counts]
    columns = zip(tags, first.tolist(), second.tolist(), kept.tolist(), texts, strict=True)
    return [Reason(*values) for values in columns]
