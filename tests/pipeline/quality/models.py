"""Small n-gram models for the tests, made of lines of text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.batch import DocumentBatch
from pipeline.kernels.spellings import spell
from pipeline.quality.kneser_ney import Estimate, estimate
from pipeline.quality.ngram_model import Header, NgramModel, pack
from pipeline.quality.ngrams import Run, Vocabulary, count_run, cut_ranges, merge_runs
from pipeline.quality.normalise import spelling_table

Gram = tuple[str, ...]


def train(
    texts: Sequence[str], order: int, prune: Sequence[int], runs: int = 1, most: int = 1 << 30
) -> tuple[Estimate, Vocabulary]:
    """A model of texts whose lines are sentences of words between spaces, counted in so many runs."""
    vocabulary = Vocabulary()
    counted: list[Run] = []
    for number in range(runs):
        utf8 = DocumentBatch.of_texts(list(texts[number::runs])).utf8
        ids = vocabulary.add(spell(utf8.data, utf8.offsets, spelling_table("spaces"), letters=True))
        counted.append(count_run(ids, order, len(vocabulary)))
    size = len(vocabulary)

    def parts() -> list[Run]:
        ranges = cut_ranges(counted, size, most)
        return [merge_runs([run.between(low, high) for run in counted], size) for low, high in ranges]

    return estimate(parts, order, size, prune), vocabulary


def grams_of(found: Estimate, vocabulary: Vocabulary) -> dict[Gram, tuple[float, float]]:
    """Every n-gram with its probability and back-off weight."""
    grams: dict[Gram, tuple[float, float]] = {}
    above: list[Gram] = [()]
    for level in found.levels:
        own = [(vocabulary.words[w], *above[p]) for w, p in zip(level.words, level.parents, strict=True)]
        grams |= dict(zip(own, zip(level.probs.tolist(), level.backoffs.tolist(), strict=True), strict=True))
        above = own
    return grams


def read_arpa(text: str) -> dict[Gram, tuple[float, float]]:
    """The same of an ARPA file."""
    rows = [line.split("\t") for line in text.splitlines() if "\t" in line]
    return {
        tuple(gram.split(" ")): (10.0 ** float(prob), 10.0 ** float(backoff[0]) if backoff else 1.0)
        for prob, gram, *backoff in rows
    }


def packed(found: Estimate, vocabulary: Vocabulary, normalisation: str = "spaces") -> np.ndarray:
    """The block of a model."""
    sizes = tuple(map(len, found.levels))
    header = Header(normalisation, sizes, 0, "en", (0,) * len(sizes), tuple(found.discounts), 1)
    return np.frombuffer(b"".join(map(bytes, pack(found.levels, vocabulary.hashes, header))), np.uint8)


def ready(texts: Sequence[str], order: int = 3, normalisation: str = "spaces") -> NgramModel:
    """A model that scores."""
    return NgramModel(packed(*train(texts, order, (0,) * order), normalisation))


def plain_log10(grams: dict[Gram, tuple[float, float]], sentence: Sequence[str], order: int) -> float:
    """log10 probability of a sentence and its end, looked up n-gram by n-gram, longest first."""
    words = ["<s>", *sentence, "</s>"]
    return float(sum(np.log10(_prob(grams, tuple(words[max(0, i - order + 1) : i + 1]))) for i in range(1, len(words))))


def _prob(grams: dict[Gram, tuple[float, float]], gram: Gram) -> float:
    if gram in grams:
        return grams[gram][0]
    if len(gram) == 1:
        return grams["<unk>",][0]
    return grams.get(gram[:-1], (0.0, 1.0))[1] * _prob(grams, gram[1:])
