"""Scores of tasks, as their data sets define them: plain numbers, no torch.

Every task's score is told as counts an example (`Scored`), so that the score of any sample of the examples, and with
it a bootstrap interval, is a matter of adding up.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_ARTICLES = re.compile(r"\b(a|an|the)\b", re.UNICODE)
_PUNCTUATION = frozenset(string.punctuation)


def accuracy(found: Sequence[object], gold: Sequence[object]) -> float:
    """Share that is right."""
    return sum(a == b for a, b in zip(found, gold, strict=True)) / max(len(gold), 1)


def macro_f1(found: Sequence[object], gold: Sequence[object]) -> float:
    """Mean of the classes' F1, each class counting the same; classes neither found nor gold do not count."""
    classes = sorted({*found, *gold}, key=str)
    scores = []
    for name in classes:
        both = sum(a == b == name for a, b in zip(found, gold, strict=True))
        scores.append(_f1(both, sum(a == name for a in found), sum(b == name for b in gold)))
    return sum(scores) / max(len(scores), 1)


def entities(tags: Sequence[str]) -> set[tuple[str, int, int]]:
    """Type, first word and the one behind the last, of each entity of a BIO sequence.

    An I- that follows no word of its type begins an entity: conlleval's and seqeval's default reading.
    Source: Ramshaw & Marcus 1995; Tjong Kim Sang & De Meulder 2003 (conlleval); chakki-works/seqeval,
    seqeval/metrics/sequence_labeling.py, get_entities.
    """
    found, kind, start = set(), "", 0
    for place, tag in enumerate([*tags, "O"]):
        prefix, _, name = tag.partition("-")
        if kind and (prefix != "I" or name != kind):
            found.add((kind, start, place))
            kind = ""
        if prefix != "O" and not kind:
            kind, start = name, place
    return found


def strict_entities(tags: Sequence[str]) -> set[tuple[str, int, int]]:
    """Those of `entities` that begin with B-: seqeval's strict mode with scheme IOB2."""
    return {entity for entity in entities(tags) if tags[entity[1]].startswith("B-")}


def entity_counts(found: Sequence[Sequence[str]], gold: Sequence[Sequence[str]]) -> Floats:
    """Entities right, found and gold, of each sentence, float[N, 3]."""
    pairs = [(entities(a), entities(b)) for a, b in zip(found, gold, strict=True)]
    return np.array([(len(a & b), len(a), len(b)) for a, b in pairs], np.float64).reshape(-1, 3)


def f1_of_counts(counts: Floats) -> Floats:
    """F1 of sums of right, found and gold, float[..., 3] to float[...]; 0 where there is nothing."""
    total = counts[..., 1] + counts[..., 2]
    found: Floats = np.divide(2 * counts[..., 0], total, out=np.zeros_like(total), where=total > 0)
    return found


def normalise_answer(text: str) -> str:
    """Small letters, no punctuation, no articles, single spaces. Source: SQuAD's evaluate-v1.1.py."""
    bare = "".join(letter for letter in text.lower() if letter not in _PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", bare).split())


def exact_match(found: str, answers: Sequence[str]) -> float:
    """1 where the answer is one of those accepted, both normalised."""
    return float(any(normalise_answer(found) == normalise_answer(answer) for answer in answers))


def token_f1(found: str, answers: Sequence[str]) -> float:
    """F1 of the words shared with the accepted answer that shares most. Source: SQuAD's evaluate-v1.1.py."""
    return max((_shared_words(found, answer) for answer in answers), default=0.0)


def _shared_words(found: str, answer: str) -> float:
    a, b = normalise_answer(found).split(), normalise_answer(answer).split()
    return _f1(sum((Counter(a) & Counter(b)).values()), len(a), len(b))


def _f1(both: float, found: float, gold: float) -> float:
    return 2 * both / (found + gold) if both else 0.0


def pearson(x: Floats, y: Floats) -> Floats:
    """Linear correlation along the last axis; 0 where a side does not vary."""
    dx, dy = x - x.mean(-1, keepdims=True), y - y.mean(-1, keepdims=True)
    scale: Floats = np.sqrt((dx * dx).sum(-1) * (dy * dy).sum(-1))
    found: Floats = np.divide((dx * dy).sum(-1), scale, out=np.zeros_like(scale), where=scale > 1e-12)
    return found


def spearman(x: Floats, y: Floats) -> Floats:
    """Correlation of ranks along the last axis, equal values sharing the mean of theirs."""
    return pearson(_ranks(x), _ranks(y))


def _ranks(x: Floats) -> Floats:
    rows = x.reshape(-1, x.shape[-1])
    out = np.empty_like(rows, np.float64)
    for number, row in enumerate(rows):
        _, places, counts = np.unique(row, return_inverse=True, return_counts=True)
        ends = np.cumsum(counts)
        out[number] = (ends - (counts - 1) / 2)[places]
    return out.reshape(x.shape)


def bootstrap(score: Callable[[npt.NDArray[np.int64]], Floats], examples: int, seed: int = 0) -> tuple[float, float]:
    """95 % percentile interval of a score over samples of the examples, with replacement.

    Args:
        score: From example numbers, int64[samples, examples], to the score of each sample.
        examples: How many there are.
        seed: Of the samples.

    Source: Efron & Tibshirani 1993, chapter 13.
    """
    generator = np.random.default_rng(seed)
    found = [score(generator.integers(0, examples, (50, examples))) for _ in range(20)]
    low, high = np.quantile(np.concatenate(found), [0.025, 0.975])
    return float(low), float(high)
