"""Interpolated modified Kneser-Ney in plain Python, from the formulas: what the compiled estimate must equal."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

Gram = tuple[str, ...]
BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"


class Plain:
    """A model: `probs` and `backoffs` of every n-gram kept."""

    def __init__(self, sentences: Sequence[Sequence[str]], order: int, prune: Sequence[int]) -> None:
        self.order, self.prune = order, prune
        self.counts = [_count(sentences, length) for length in range(1, order + 1)]
        self.adjusted = [self._adjust(length) for length in range(1, order + 1)]
        self.discounts = [discounts(counts.values()) or (0.5, 1.0, 1.5) for counts in self.adjusted]
        self.probs: dict[Gram, float] = {}
        self.backoffs: dict[Gram, float] = {}
        for length in range(1, order + 1):
            self._interpolate(length)

    def _adjust(self, length: int) -> dict[Gram, int]:
        counts = self.counts[length - 1]
        if length == self.order:
            return dict(counts)
        before: dict[Gram, set[str]] = defaultdict(set)
        for longer in self.counts[length]:
            before[longer[1:]].add(longer[0])
        return {gram: counts[gram] if gram[0] == BEGIN else len(before[gram]) for gram in counts}

    def _interpolate(self, length: int) -> None:
        adjusted, least = self.adjusted[length - 1], self.prune[length - 1]
        kept = {gram for gram in adjusted if self.counts[length - 1][gram] > least}
        taken = (0.0, *self.discounts[length - 1])
        sums: Counter[Gram] = Counter()
        mass: dict[Gram, float] = defaultdict(float)
        for gram, count in adjusted.items():
            sums[gram[:-1]] += count
            mass[gram[:-1]] += taken[min(count, 3)] if gram in kept else count
        weights = {context: mass[context] / sums[context] for context in sums}
        if length == 1:
            words = {gram[0] for gram in adjusted} | {UNKNOWN}
            self.probs = {(word,): weights[()] / len(words) for word in words}
            self.probs[BEGIN,] = 1.0
        for gram in kept:
            count, context = adjusted[gram], gram[:-1]
            shorter = self.probs[gram[1:]] if length > 1 else 1 / (len(self.probs) - 1)
            self.probs[gram] = (count - taken[min(count, 3)]) / sums[context] + weights[context] * shorter
        self.backoffs |= {context: weight for context, weight in weights.items() if context in self.probs}

    def prob(self, context: Gram, word: str) -> float:
        """Of a word after a context, by backing off."""
        context = context[-(self.order - 1) :] if self.order > 1 else ()
        if (*context, word) in self.probs:
            return self.probs[*context, word]
        if not context:
            return self.probs[UNKNOWN,]
        return self.backoffs.get(context, 1.0) * self.prob(context[1:], word)


def discounts(counts: Sequence[int]) -> tuple[float, float, float] | None:
    """Chen and Goodman's equation 26; None where the data do not give any."""
    n = Counter(counts)
    if not (n[1] and n[2] and n[3]):
        return None
    y = n[1] / (n[1] + 2 * n[2])
    found = (1 - 2 * y * n[2] / n[1], 2 - 3 * y * n[3] / n[2], 3 - 4 * y * n[4] / n[3])
    return found if all(0 <= d <= j for j, d in enumerate(found, 1)) else None


def _count(sentences: Sequence[Sequence[str]], length: int) -> Counter[Gram]:
    found: Counter[Gram] = Counter()
    for sentence in sentences:
        words = [BEGIN, *sentence, END]
        for end in range(1, len(words)):
            if end - length + 1 >= 0:
                found[tuple(words[end - length + 1 : end + 1])] += 1
    return found
