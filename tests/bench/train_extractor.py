"""Trains the winnow extractor on the tuning half of WCXB and writes pipeline/extract/weights.npz.

    python -m tests.bench.train_extractor [--out FILE]

Needs lightgbm, which Winnow itself does not. The same data and versions give the same file on one machine; on another
it was not tried. One seed, folds by host.

A block is labelled with the share of its words that stand in the page's gold text, found by aligning the words of both
in order (longest common subsequence that prefers runs). Every page weighs the same, a block as its words. The second
ensemble sees what the first says of the blocks around; for training the first's scores come from folds that did not
hold the block's host, so that the second does not trust them too much.

Source of the data: WCXB, Foley 2026, https://arxiv.org/abs/2605.21097, CC-BY-4.0.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import numba
import numpy as np

from pipeline.extract.weights import WEIGHTS, Model, save_model
from pipeline.kernels.block_context import measure_context
from pipeline.kernels.block_features import measure_blocks
from pipeline.kernels.html_blocks import Blocks, find_blocks
from pipeline.kernels.html_columns import END, START
from pipeline.kernels.trees import Trees
from tests.bench.wcxb import GoldPage, read_gold

try:
    import lightgbm as lgb
except ImportError:
    sys.exit("training needs lightgbm: python -m pip install lightgbm")

_WORD = re.compile(r"\w+")
FOLDS = 3
MAX_CELLS = 200_000_000  # words of page times words of gold that are aligned; beyond, only runs of five words count
ROUNDS = (60, 60)
LIMIT = 0.35  # tuned on the folds' scores
PARAMETERS: dict[str, Any] = {
    "objective": "binary",
    "num_leaves": 24,
    "learning_rate": 0.1,
    "min_data_in_leaf": 40,
    "min_sum_hessian_in_leaf": 0.05,
    "feature_fraction": 0.3,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5,
    "max_bin": 63,
    "num_threads": 2,
    "seed": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}
KEPT_EMPTY = 0.3  # share of the blocks without any gold words that is trained on: they are most, and alike


class Sample(NamedTuple):
    """One page to learn from: its fold, blocks, features, labels and weights (both float64[blocks])."""

    fold: int
    blocks: Blocks
    features: np.ndarray
    labels: np.ndarray
    weights: np.ndarray


@numba.njit(cache=False)
def _align(page, gold):  # type: ignore[no-untyped-def]
    """int64[words]: where in gold each word of the page is; -1 where it is not."""
    rows, columns = len(page), len(gold)
    steps = np.zeros((rows + 1, columns + 1), np.uint8)
    above, here = np.zeros(columns + 1, np.int32), np.zeros(columns + 1, np.int32)
    ran, runs = np.zeros(columns + 1, np.int32), np.zeros(columns + 1, np.int32)
    for i in range(1, rows + 1):
        for j in range(1, columns + 1):
            best, step = above[j], 1
            if here[j - 1] > best:
                best, step = here[j - 1], 2
            runs[j] = 0
            if page[i - 1] == gold[j - 1]:
                value = above[j - 1] + (3 if ran[j - 1] else 1)
                if value >= best:
                    best, step = value, 3
                    runs[j] = 1
            here[j] = best
            steps[i, j] = step
        above, here = here, above
        ran, runs = runs, ran
    matches = np.full(rows, -1, np.int64)
    i, j = rows, columns
    while i > 0 and j > 0:
        if steps[i, j] == 3:
            matches[i - 1] = j - 1
        i, j = i - (steps[i, j] != 2), j - (steps[i, j] != 1)
    return matches


def label_blocks(texts: Sequence[str], gold: str) -> tuple[np.ndarray, np.ndarray]:
    """Each block's share of words in gold, and its words."""
    words, wanted = [_WORD.findall(text.lower()) for text in texts], _WORD.findall(gold.lower())
    numbers: dict[str, int] = {}
    page = np.array([numbers.setdefault(word, len(numbers)) for block in words for word in block], np.int64)
    target = np.array([numbers.setdefault(word, len(numbers)) for word in wanted], np.int64)
    small = 0 < len(page) * len(target) < MAX_CELLS
    matches = _align(page, target) if small else np.full(len(page), -1)
    runs = {tuple(wanted[i : i + 5]) for i in range(len(wanted) - 4)}
    ends = np.cumsum([0, *map(len, words)])
    labels = [_share(block, matches[a:b], runs) for block, a, b in zip(words, ends, ends[1:], strict=False)]
    return np.array(labels), np.diff(ends)


def _share(words: Sequence[str], matches: np.ndarray, runs: set[tuple[str, ...]]) -> float:
    if not words:
        return 0.0
    hits = matches[matches >= 0]
    share = len(hits) / len(words)
    if len(hits) > 1 and hits[-1] - hits[0] + 1 > 2 * len(hits) + 3:
        share /= 2  # words strewn over the gold text are there by chance
    if len(words) < 5:
        return share
    return max(share, float(np.mean([tuple(words[i : i + 5]) in runs for i in range(len(words) - 4)])))


def make_sample(page: GoldPage) -> Sample:
    """Blocks, features and labels of a page."""
    blocks = find_blocks(page.html.encode())
    texts = [bytes(blocks.text[row[START] : row[END]]).decode() for row in blocks.counts]
    labels, words = label_blocks(texts, page.gold)
    weights = np.minimum(words / max(50, len(_WORD.findall(page.gold))), 1.0) + 0.002
    host = (urlsplit(page.url).hostname or "").removeprefix("www.")
    fold = hashlib.sha256(host.encode()).digest()[1] % FOLDS
    return Sample(fold, blocks, measure_blocks(blocks), labels, weights)


def fit(samples: Sequence[Sample], rows: Sequence[np.ndarray], rounds: int) -> lgb.Booster:
    """Train on soft labels: each block once as content and once as none, weighted by its label."""
    x = np.concatenate(rows)
    labels = np.concatenate([sample.labels for sample in samples])
    weights = np.concatenate([sample.weights for sample in samples])
    kept = (labels > 0.02) | (np.random.default_rng(1).random(len(labels)) < KEPT_EMPTY)
    weights[labels <= 0.02] /= KEPT_EMPTY
    x, labels, weights = x[kept], labels[kept], weights[kept]
    both = np.r_[weights * labels, weights * (1 - labels)]
    used = both > 1e-4
    truth = np.r_[np.ones(len(x)), np.zeros(len(x))][used]
    data = lgb.Dataset(np.concatenate([x, x])[used], truth, weight=both[used] / both[used].mean() / 4)
    return lgb.train(PARAMETERS, data, rounds)


def fit_both(samples: Sequence[Sample], columns: np.ndarray) -> tuple[lgb.Booster, lgb.Booster]:
    """The first ensemble, and the second on the first's out-of-fold scores."""
    scores: dict[int, np.ndarray] = {}
    for fold in range(FOLDS):
        rest = [sample for sample in samples if sample.fold != fold]
        part = fit(rest, [sample.features for sample in rest], ROUNDS[0])
        scores |= {i: part.predict(s.features) for i, s in enumerate(samples) if s.fold == fold}
        print(f"fold {fold} done", flush=True)
    first = fit(samples, [sample.features for sample in samples], ROUNDS[0])
    rows = [second_rows(sample, scores[i], columns) for i, sample in enumerate(samples)]
    return first, fit(samples, rows, ROUNDS[1])


def second_rows(sample: Sample, scores: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """What the second ensemble sees of a page."""
    context = measure_context(sample.blocks, scores.astype(np.float32))
    return np.concatenate([sample.features[:, columns], context], axis=1)


def to_trees(booster: lgb.Booster) -> Trees:
    """LightGBM's trees as arrays; limits are rounded down to float32, which sends every float32 the same way."""
    roots: list[int] = []
    splits: list[list[float]] = []
    leaves: list[float] = []

    def add(node: dict[str, Any]) -> int:
        if "leaf_value" in node:
            leaves.append(node["leaf_value"])
            return ~(len(leaves) - 1)
        own = len(splits)
        splits.append([])
        limit = np.float32(node["threshold"])
        if float(limit) > node["threshold"]:
            limit = np.nextafter(limit, np.float32(-np.inf))
        splits[own] = [node["split_feature"], float(limit), add(node["left_child"]), add(node["right_child"])]
        return own

    for tree in booster.dump_model()["tree_info"]:
        roots.append(add(tree["tree_structure"]))
    features, limits, left, right = (np.array(column) for column in zip(*splits, strict=True))
    return Trees(
        np.array(roots, np.int32),
        features.astype(np.int16),
        limits.astype(np.float32),
        left.astype(np.int32),
        right.astype(np.int32),
        np.array(leaves, np.float32),
    )


def main() -> None:
    """Train and write."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    arguments.add_argument("--out", type=Path, default=Path(str(WEIGHTS)))
    options = arguments.parse_args()
    samples = [make_sample(page) for page in read_gold() if page.tuning]
    samples = [sample for sample in samples if len(sample.features)]
    print(f"{len(samples)} pages, {sum(len(sample.features) for sample in samples)} blocks", flush=True)
    columns = np.arange(samples[0].features.shape[1])
    first, second = fit_both(samples, columns)
    save_model(options.out, Model(to_trees(first), to_trees(second), LIMIT))


if __name__ == "__main__":
    main()
