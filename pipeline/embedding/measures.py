"""What vectors of words are worth: agreement with people's ratings, and whether uses of one sense lie together.

Source: word similarity by Spearman's rank correlation, as in Hill et al. 2015 (SimLex-999) and Bojanowski et al. 2017;
self-similarity: Ethayarajh 2019, arXiv:1909.00512.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from storage.errors import UserError

Vectors = npt.NDArray[np.floating[Any]]
Interval = tuple[float, float | None, float | None]
"""A number and the ends of its 95 % interval; None: there is none."""


@dataclass(frozen=True, slots=True)
class RatedPair:
    """Two words, in lower case, and how alike people find them; higher is more alike."""

    first: str
    second: str
    rating: float


def read_pairs(lines: Iterable[str], name: str) -> tuple[RatedPair, ...]:
    """Pairs of a file like WordSim-353: two words and a number a line, apart by white space or commas.

    Empty lines, lines that begin with `#`, and a first line without a number are left out.

    Raises:
        UserError: A line is something else, or there are fewer than three pairs.
    """
    pairs = []
    for number, line in enumerate(lines, 1):
        parts = line.replace(",", " ").split()
        if not parts or parts[0].startswith("#"):
            continue
        try:
            first, second, rating = parts[0], parts[1], float(parts[2])
        except (IndexError, ValueError):
            if number == 1:
                continue
            raise UserError(
                f"line {number} of {name} is no rated pair: {line.strip()[:60]!r}.",
                "A line is two words and a number, as in WordSim-353.",
            ) from None
        pairs.append(RatedPair(first.lower(), second.lower(), rating))
    if len(pairs) < 3:
        raise UserError(f"{name} has {len(pairs)} rated pairs.", "A rank correlation takes at least three.")
    return tuple(pairs)


def cosines(first: Vectors, second: Vectors) -> Vectors:
    """Cosine of each pair of rows, float64[N]; 0 where a vector is all zeros."""
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    sizes = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    return np.asarray(np.einsum("nd,nd->n", a, b) / np.where(sizes > 0, sizes, 1.0))


class RankCorrelation:
    """Spearman's correlation of several methods with the same ratings, intervals from the same draws of pairs.

    Args:
        ratings: float[N], at least three.
        draws: Bootstrap samples of the pairs.
        seed: Of the draws.
    """

    def __init__(self, ratings: Sequence[float], draws: int, seed: int) -> None:
        self._ratings = np.asarray(ratings, np.float64)
        self._places = np.random.default_rng(seed).integers(0, len(ratings), (draws, len(ratings)))
        self._drawn = _standard_ranks(self._ratings[self._places])

    def of(self, scores: Vectors) -> Interval:
        """The correlation and its percentile interval; nan where all scores are one."""
        whole = float(_products(_standard_ranks(self._ratings[None]), _standard_ranks(scores[None]))[0])
        drawn = _products(self._drawn, _standard_ranks(scores[self._places]))
        drawn = drawn[np.isfinite(drawn)]
        low, high = np.percentile(drawn, [2.5, 97.5]) if len(drawn) else (np.nan, np.nan)
        return whole, float(low), float(high)


def _products(first: Vectors, second: Vectors) -> Vectors:
    return np.asarray((first * second).sum(axis=1).clip(-1.0, 1.0))  # the last bits of a perfect one may be over


def _ranks(values: Vectors) -> Vectors:
    """Ranks within each row from 1, ties at their mean."""
    from scipy.stats import rankdata  # a second of imports, for which no report without embeddings waits

    return np.asarray(rankdata(values, axis=-1))


def _standard_ranks(values: Vectors) -> Vectors:
    """Ranks of each row, ties at their mean, brought to mean 0 and length 1."""
    ranks = _ranks(values)
    ranks -= ranks.mean(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(ranks / np.linalg.norm(ranks, axis=-1, keepdims=True))


def told_apart(groups: Sequence[tuple[Vectors, Sequence[str]]], draws: int, seed: int) -> Interval | None:
    """Probability that two uses with the same label are nearer (by cosine) than two with different ones.

    A word's own is the area under the curve over all its pairs, ties counting half; words count alike. One half is
    what vectors give that do not see the context. The interval is from bootstrap samples of the words.

    Args:
        groups: Of each word its uses' vectors, float[N, D], and their labels.

    Returns:
        None where no word has two uses of one label and two labels.
    """
    areas = np.array([area for vectors, labels in groups if (area := _area(vectors, labels)) is not None])
    if not len(areas):
        return None
    if len(areas) == 1:  # one word tells nothing of others
        return float(areas[0]), None, None
    drawn = areas[np.random.default_rng(seed).integers(0, len(areas), (draws, len(areas)))].mean(axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(areas.mean()), float(low), float(high)


def _area(vectors: Vectors, labels: Sequence[str]) -> float | None:
    first, second = np.triu_indices(len(labels), 1)
    near = np.round(cosines(vectors[first], vectors[second]), 9)  # the last bits of equal vectors are no difference
    names = np.asarray(labels, object)
    same = names[first] == names[second]
    if not same.any() or same.all():
        return None
    ranks, count = _ranks(near), int(same.sum())
    return float((ranks[same].sum() - count * (count + 1) / 2) / (count * (len(near) - count)))


def self_similarity(groups: Sequence[Vectors]) -> float | None:
    """How alike the uses of a word are, beyond how alike any uses are: mean cosine within words less that between.

    1 would be vectors that never change with the context in a space that uses all directions; None with fewer than
    two words of two uses.
    """
    several = [_directions(group) for group in groups if len(group) > 1]
    if len(several) < 2:
        return None
    within = [(np.square(unit.sum(axis=0)).sum() - len(unit)) / (len(unit) * (len(unit) - 1)) for unit in several]
    means = np.stack([unit.mean(axis=0) for unit in several])
    between = means @ means.T
    return float(np.mean(within) - between[~np.eye(len(means), dtype=bool)].mean())


def _directions(vectors: Vectors) -> Vectors:
    sizes = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(sizes > 0, sizes, 1.0), np.float64)


def project(vectors: Vectors) -> tuple[Vectors, tuple[float, float]]:
    """Principal components: coordinates, float64[N, 2], and the shares of the variance they show.

    The larger end of each component is the positive one, so that the same vectors give the same picture.
    """
    centred = np.asarray(vectors, np.float64) - np.mean(vectors, axis=0)
    total = float(np.square(centred).sum())
    scale = float(np.square(vectors).sum())
    if total <= 1e-10 * scale:  # all one point
        return np.zeros((len(vectors), 2)), (0.0, 0.0)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    axes = np.vstack([axes, np.zeros_like(axes)])[:2] if len(axes) < 2 else axes[:2]
    found = centred @ axes.T
    signs = np.sign(found[np.abs(found).argmax(axis=0), [0, 1]])
    shares = [*(np.square(sizes) / total), 0.0][:2]
    return found * np.where(signs == 0, 1, signs), (float(shares[0]), float(shares[1]))
