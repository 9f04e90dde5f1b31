"""Gopher's quality and repetition rules.

Source: Rae et al. (2021), "Scaling Language Models: Methods, Analysis & Insights from Training Gopher",
arXiv:2112.11446, section A1.1 and Table A1, in the reading of datatrove 0.10 that made FineWeb. Where the two
differ:

- Words are tokens, punctuation marks among them (`pipeline.kernels.words`); only `word_count` and
  `mean_word_chars` leave out those of symbols alone, as the code has it. The paper does not say what a word
  is.
- Stop words count when written in lower case, and each once (the code); the paper says "at least two of the
  following words", and DCLM counts occurrences.
- Lines for bullets and ellipses end at any of Unicode's line ends; lines for repetition at newlines, several
  of which end one line.
- A text of fewer than n words has no n-gram, and so repeats none: 0, not null.
- "ab c" and "a bc" are different 2-grams. In the code they are the same from n = 5 on, where it joins words
  by nothing.
"""

from __future__ import annotations

from functools import cache, partial

import numpy as np
import pyarrow as pa
from pydantic import Field

from pipeline.batch import DocumentBatch
from pipeline.kernels.hashing import hash_bytes
from pipeline.kernels.repeats import count_repeated_grams, count_repeated_lines, count_repeated_paragraphs
from pipeline.kernels.tallies import count_marks, count_word_kinds
from pipeline.quality.limits import Limits, compute_by_language, limit, rules_by_language
from pipeline.signals import as_columns, sizes
from pipeline.stage import Columns, Rule, Stage, signal

_GRAMS = tuple((n, "top") for n in range(2, 5)) + tuple((n, "dup") for n in range(5, 11))

REPETITION_SIGNALS = pa.schema(
    [
        signal("dup_paragraph_frac", "paragraphs equal to an earlier one", "fraction of paragraphs"),
        signal("dup_paragraph_chars_frac", "characters in them", "fraction of characters"),
        signal("dup_line_frac", "lines equal to an earlier one", "fraction of lines"),
        signal("dup_line_chars_frac", "characters in them", "fraction of characters"),
        *(
            signal(
                f"top_{n}gram_chars_frac",
                f"characters in the most frequent {n}-gram",
                "fraction of characters",
            )
            for n in range(2, 5)
        ),
        *(
            signal(f"dup_{n}gram_chars_frac", f"characters in {n}-grams seen before", "fraction of characters")
            for n in range(5, 11)
        ),
    ]
)

QUALITY_SIGNALS = pa.schema(
    [
        signal("word_count", "words that are not only symbols", "words"),
        signal("mean_word_chars", "their mean length", "characters", null="no such word"),
        signal("hash_word_frac", "number signs for each word, marks counted as words", "ratio", null="no word"),
        signal("ellipsis_word_frac", "ellipses for each word, marks counted as words", "ratio", null="no word"),
        signal("bullet_line_frac", "lines that begin with a bullet", "fraction of lines", null="no line"),
        signal("ellipsis_line_frac", "lines that end in an ellipsis", "fraction of lines", null="no line"),
        signal(
            "alpha_word_frac",
            "words with a letter in them",
            "fraction of words, marks included",
            null="no word",
        ),
        signal("stop_word_count", "different stop words that occur", "words"),
    ]
)


class GopherConfig(Limits):
    """Gopher's rules; None ("off" in a recipe) switches a rule off, its signal is measured all the same."""

    max_dup_line_frac: float | None = Field(0.30, description="Table A1")
    max_dup_paragraph_frac: float | None = Field(0.30, description="Table A1")
    max_dup_line_chars_frac: float | None = Field(0.20, description="Table A1")
    max_dup_paragraph_chars_frac: float | None = Field(0.20, description="Table A1")
    max_top_2gram_chars_frac: float | None = Field(0.20, description="Table A1")
    max_top_3gram_chars_frac: float | None = Field(0.18, description="Table A1")
    max_top_4gram_chars_frac: float | None = Field(0.16, description="Table A1")
    max_dup_5gram_chars_frac: float | None = Field(0.15, description="Table A1")
    max_dup_6gram_chars_frac: float | None = Field(0.14, description="Table A1")
    max_dup_7gram_chars_frac: float | None = Field(0.13, description="Table A1")
    max_dup_8gram_chars_frac: float | None = Field(0.12, description="Table A1")
    max_dup_9gram_chars_frac: float | None = Field(0.11, description="Table A1")
    max_dup_10gram_chars_frac: float | None = Field(0.10, description="Table A1")
    min_words: int | None = Field(50, description="A1.1")
    max_words: int | None = Field(100_000, description="A1.1")
    min_mean_word_chars: float | None = Field(3, description="A1.1")
    max_mean_word_chars: float | None = Field(10, description="A1.1")
    max_hash_word_frac: float | None = Field(0.1, description="A1.1")
    max_ellipsis_word_frac: float | None = Field(0.1, description="A1.1")
    max_bullet_line_frac: float | None = Field(0.9, description="A1.1")
    max_ellipsis_line_frac: float | None = Field(0.3, description="A1.1")
    min_alpha_word_frac: float | None = Field(0.8, description="A1.1")
    min_stop_words: int | None = Field(2, description="A1.1")
    stop_words: tuple[str, ...] = Field(
        ("the", "be", "to", "of", "and", "that", "have", "with"),
        max_length=64,
        description="A1.1; at most 64",
    )

    def stages(self) -> tuple[Stage, ...]:
        """Repetition, then quality: the order of FineWeb's funnel."""
        quality = compute_by_language(self, lambda c: partial(measure_quality, stop_words=c.stop_words))
        return (
            Stage(
                "gopher_repetition",
                REPETITION_SIGNALS,
                measure_repetition,
                rules_by_language(self, _repetition_rules),
            ),
            Stage("gopher_quality", QUALITY_SIGNALS, quality, rules_by_language(self, _quality_rules)),
        )


def _repetition_rules(config: GopherConfig) -> tuple[Rule, ...]:
    ceilings = ((name, f"max_{name}") for name in REPETITION_SIGNALS.names)
    return tuple(rule for name, key in ceilings for rule in limit(config, "gopher_repetition", name, high=key))


def _quality_rules(config: GopherConfig) -> tuple[Rule, ...]:
    stage = "gopher_quality"
    return (
        *limit(config, stage, "word_count", low="min_words", high="max_words"),
        *limit(config, stage, "mean_word_chars", low="min_mean_word_chars", high="max_mean_word_chars"),
        *limit(config, stage, "hash_word_frac", high="max_hash_word_frac"),
        *limit(config, stage, "ellipsis_word_frac", high="max_ellipsis_word_frac"),
        *limit(config, stage, "bullet_line_frac", high="max_bullet_line_frac"),
        *limit(config, stage, "ellipsis_line_frac", high="max_ellipsis_line_frac"),
        *limit(config, stage, "alpha_word_frac", low="min_alpha_word_frac"),
        *limit(config, stage, "stop_word_count", low="min_stop_words"),
    )


def measure_repetition(batch: DocumentBatch) -> Columns:
    """`REPETITION_SIGNALS`; null for an empty text, which no fraction describes."""
    chars = sizes(batch.characters.doc_offsets)
    paragraphs = count_repeated_paragraphs(batch.utf8.data, batch.characters, batch.lines)
    lines = count_repeated_lines(batch.lines)
    grams = count_repeated_grams(batch.words)
    return as_columns(
        {
            "dup_paragraph_frac": (paragraphs[:, 1], np.where(chars, paragraphs[:, 0], 0)),
            "dup_paragraph_chars_frac": (paragraphs[:, 2], chars),
            "dup_line_frac": (lines[:, 1], np.where(chars, lines[:, 0], 0)),
            "dup_line_chars_frac": (lines[:, 2], chars),
            **{f"{kind}_{n}gram_chars_frac": (grams[:, n - 2], chars) for n, kind in _GRAMS},
        }
    )


def measure_quality(batch: DocumentBatch, stop_words: tuple[str, ...]) -> Columns:
    """`QUALITY_SIGNALS`."""
    words, not_symbols, chars, alpha, stops = count_word_kinds(batch.words, _hashes(stop_words)).T
    hashes, ellipses, lines, bullets, trailing = count_marks(*batch.utf8, batch.characters, batch.lines).T
    return as_columns(
        {
            "word_count": not_symbols,
            "mean_word_chars": (chars, not_symbols),
            "hash_word_frac": (hashes, words),
            "ellipsis_word_frac": (ellipses, words),
            "bullet_line_frac": (bullets, lines),
            "ellipsis_line_frac": (trailing, lines),
            "alpha_word_frac": (alpha, words),
            "stop_word_count": stops,
        }
    )


@cache
def _hashes(words: tuple[str, ...]) -> np.ndarray:
    return np.array([hash_bytes(word) for word in words], np.uint64)
