"""Interpolated modified Kneser-Ney smoothing with three discounts for each order, as KenLM's lmplz estimates it.

Counts of n-grams that are not the longest are adjusted: how many different words stand before them (those that begin
a sentence keep how often they occur). With a(x) the adjusted count, D the discount of its order (equation 26 of Chen
and Goodman), c the context and x' the n-gram without its first word:

    p(x) = (a(x) - D(a(x))) / sum a(c *) + backoff(c) p(x')
    backoff(c) = (sum of discounts taken from the kept n-grams of c + counts of its pruned ones) / sum a(c *)

The unigrams are interpolated with the uniform distribution over the vocabulary, `<unk>` included and `<s>` not.
Pruning removes n-grams that occur at most so many times; discounts are estimated before it, as lmplz does.

Source: Chen and Goodman (1998), "An Empirical Study of Smoothing Techniques"; Heafield et al. (2013), "Scalable
Modified Kneser-Ney Language Model Estimation"; KenLM `lm/builder`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from pipeline.kernels.ngrams import BEGIN_ID, END_ID, UNKNOWN_ID, find_children, nodes_at, tally_contexts
from pipeline.quality.ngrams import Run

FALLBACK = (0.5, 1.0, 1.5)
"""Discounts where the text is too small or odd to estimate any: lmplz's `--discount_fallback`."""

Parts = Callable[[], Iterable[Run]]
"""Gives the sorted distinct n-grams, part by part, each last word in one part; asked twice."""


@dataclass
class Level:
    """The n-grams of one length, sorted by their last word, then the one before, and so on.

    Attributes:
        words: uint32, the first word of each; of unigrams the word itself, its own index.
        parents: int64, the n-gram without that word, one level up (of unigrams 0).
        begins: int64[n-grams + 1], where their children begin in the next level.
        probs: float64, probability. `<s>` has 1.
        backoffs: float64, weight of the shorter context; 1 where nothing was seen after it.
    """

    words: np.ndarray
    parents: np.ndarray
    adjusted: np.ndarray
    contexts: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    begins: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    probs: np.ndarray = field(default_factory=lambda: np.zeros(0))
    backoffs: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def __len__(self) -> int:
        return len(self.words)


@dataclass(frozen=True)
class Estimate:
    """A model: its levels (unigrams first), the discounts of each, and which had to fall back."""

    levels: list[Level]
    discounts: list[tuple[float, float, float]]
    fell_back: list[bool]


def estimate(parts: Parts, order: int, ids: int, prune: Sequence[int]) -> Estimate:
    """The model of the counted n-grams.

    Memory holds what is kept after pruning, and one part.

    Args:
        parts: See `Parts`.
        order: Longest n-gram.
        ids: Size of the vocabulary.
        prune: For each length from 1, n-grams that occur at most so often are left out; the first must be 0, none
            smaller than the one before it.

    Raises:
        ValueError: `prune` is not such a list.
    """
    if len(prune) != order or prune[0] != 0 or any(a > b for a, b in pairwise(prune)):
        raise ValueError(f"pruning counts {tuple(prune)} are not {order} rising ones that begin with 0")
    kept, counts_of_counts = _keep(parts, order, ids, prune)
    discounts = [_discounts(counts) for counts in counts_of_counts]
    tallies = _tally(parts, kept, prune)
    levels = _interpolate(kept, tallies, [found or FALLBACK for found in discounts])
    return Estimate(levels, [found or FALLBACK for found in discounts], [found is None for found in discounts])


@dataclass(frozen=True)
class _Nodes:
    """N-grams of one length in one part, before pruning; parents count within the part."""

    words: np.ndarray
    parents: np.ndarray
    adjusted: np.ndarray
    kept: np.ndarray


def _nodes(part: Run, prune: Sequence[int]) -> list[_Nodes]:
    """The n-grams of every length of a part, with their adjusted counts."""
    above = np.zeros(len(part.rows), np.int64)
    found = []
    for depth in range(1, len(prune) + 1):
        above, *columns = nodes_at(part.rows, part.counts, depth, above)
        found.append(columns)
    nodes = []
    for depth, (parents, words, totals) in enumerate(found):
        adjusted = totals
        if depth + 1 < len(found):
            before = np.bincount(found[depth + 1][0], minlength=len(words))
            adjusted = np.where(words == BEGIN_ID, totals, before)
        nodes.append(_Nodes(words, parents, adjusted, totals > prune[depth]))
    return nodes


def _keep(parts: Parts, order: int, ids: int, prune: Sequence[int]) -> tuple[list[Level], np.ndarray]:
    """The n-grams kept, and int64[order, 5]: how many of each length have an adjusted count of 1 to 4."""
    pieces: list[list[tuple[np.ndarray, ...]]] = [[] for _ in range(order)]
    sizes = [0] * order
    seen = np.zeros((order, 5), np.int64)
    for part in parts():
        numbers = np.zeros(1, np.int64)
        for depth, nodes in enumerate(_nodes(part, prune)):
            seen[depth] += np.bincount(np.minimum(nodes.adjusted, 5), minlength=6)[:5]
            keep = nodes.kept
            pieces[depth].append((nodes.words[keep], numbers[nodes.parents[keep]], nodes.adjusted[keep]))
            numbers = np.where(keep, sizes[depth] - 1 + np.cumsum(keep), -1)
            sizes[depth] += int(keep.sum())
    levels = [_unigrams(pieces[0], ids)]
    for depth in range(1, order):
        columns = [np.concatenate(column) for column in zip(*pieces[depth], strict=True)]
        if depth == 1:
            columns[1] = np.concatenate([piece[0] for piece in pieces[0]]).astype(np.int64)[columns[1]]
        levels.append(Level(*columns))
        levels[depth - 1].begins = _begins(columns[1], len(levels[depth - 1]))
    return levels, seen


def _unigrams(pieces: list[tuple[np.ndarray, ...]], ids: int) -> Level:
    """Every word of the vocabulary, `<unk>` and `<s>` with count 0."""
    adjusted = np.zeros(ids, np.int64)
    for words, _, counts in pieces:
        adjusted[words] = counts
    return Level(np.arange(ids, dtype=np.uint32), np.zeros(ids, np.int64), adjusted)


def _begins(parents: np.ndarray, size: int) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(np.bincount(parents, minlength=size))])


def _discounts(counts: np.ndarray) -> tuple[float, float, float] | None:
    """D1, D2, D3+ from how many n-grams have adjusted count 1 to 4; None where they cannot be had."""
    n = counts.astype(np.float64)
    if not n[1:4].all():
        return None
    y = n[1] / (n[1] + 2 * n[2])
    found = [float(j - (j + 1) * y * n[j + 1] / n[j]) for j in (1, 2, 3)]
    return (found[0], found[1], found[2]) if all(0 <= d <= j for j, d in enumerate(found, 1)) else None


@dataclass(frozen=True)
class _Tally:
    """Sums over the n-grams that continue each context of one length; see `tally_contexts`."""

    sums: np.ndarray
    unused: np.ndarray
    ones: np.ndarray
    twos: np.ndarray
    more: np.ndarray

    @classmethod
    def of(cls, size: int) -> _Tally:
        return cls(*(np.zeros(size, np.int64) for _ in range(5)))


def _tally(parts: Parts, levels: list[Level], prune: Sequence[int]) -> list[_Tally]:
    """The sums of every context, by its length (0 first); notes the context of every n-gram kept."""
    tallies = [_Tally.of(1), *(_Tally.of(len(level)) for level in levels[:-1])]
    contexts: list[list[np.ndarray]] = [[] for _ in levels]
    for part in parts():
        for depth, (nodes, of_node) in enumerate(_with_contexts(_nodes(part, prune), levels)):
            tally = tallies[depth]
            sums = (tally.sums, tally.unused, tally.ones, tally.twos, tally.more)
            tally_contexts(of_node, nodes.adjusted, nodes.kept, *sums)
            contexts[depth].append(of_node[nodes.kept])
    for level, found in zip(levels[1:], contexts[1:], strict=True):
        level.contexts = np.concatenate(found)
    levels[0].contexts = np.zeros(len(levels[0]), np.int64)
    return tallies


def _with_contexts(nodes: list[_Nodes], levels: list[Level]) -> Iterator[tuple[_Nodes, np.ndarray]]:
    """Each length's n-grams and their contexts (-1: pruned away), found from those of the n-grams one shorter."""
    contexts = np.zeros(len(nodes[0].words), np.int64)
    yield nodes[0], contexts
    for depth in range(1, len(nodes)):
        here = nodes[depth]
        if depth == 1:
            contexts = here.words.astype(np.int64)
        else:
            begins, words = levels[depth - 2].begins, levels[depth - 1].words
            contexts = find_children(contexts[here.parents], here.words, begins, words)
        yield here, contexts


def _interpolate(
    levels: list[Level], tallies: list[_Tally], discounts: list[tuple[float, float, float]]
) -> list[Level]:
    """The levels with their probabilities and back-off weights."""
    shorter = np.full(1, 1 / (len(levels[0]) - 1))
    for depth, level in enumerate(levels):
        tally, taken = tallies[depth], (0.0, *discounts[depth])
        mass = tally.unused + taken[1] * tally.ones + taken[2] * tally.twos + taken[3] * tally.more
        weights = np.divide(mass, tally.sums, out=np.ones(len(mass)), where=tally.sums > 0)
        if depth:
            levels[depth - 1].backoffs = weights
        discounted = level.adjusted - np.take(taken, np.minimum(level.adjusted, 3))
        level.probs = discounted / tally.sums[level.contexts] + weights[level.contexts] * shorter[level.parents]
        np.minimum(level.probs, 1, out=level.probs)  # rounding may leave more
        if depth == 0:
            level.probs[BEGIN_ID] = 1.0
        shorter = level.probs
    levels[0].backoffs[[UNKNOWN_ID, END_ID]] = 1
    levels[-1].backoffs = np.ones(len(levels[-1]))
    return levels
