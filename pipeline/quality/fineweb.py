"""FineWeb's own rules, judged after C4's have taken lines away.

Source: Penedo et al. (2024), "The FineWeb Datasets", arXiv:2406.17557, section 3.6, and datatrove 0.10
(`FineWebQualityFilter`).
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pyarrow as pa
from pydantic import Field

from pipeline.batch import DocumentBatch
from pipeline.kernels.repeats import count_repeated_filled_lines
from pipeline.kernels.tallies import count_line_shapes, sum_by_document
from pipeline.quality.limits import Limits, compute_by_language, limit, rules_by_language
from pipeline.signals import as_columns, sizes
from pipeline.stage import Columns, Rule, Stage, signal

SIGNALS = pa.schema(
    [
        signal("punctuated_line_frac", "lines that end in terminal punctuation", "of lines", null="no line"),
        signal("short_line_frac", "lines of at most short_line_chars characters", "of lines", null="no line"),
        signal("dup_filled_line_chars_frac", "characters in repeated lines not blank", "of characters",
               null="no line"),
        signal("newline_word_frac", "newlines for each word, marks included", "ratio", null="no word"),
    ]
)  # fmt: skip


class FineWebConfig(Limits):
    """FineWeb's rules; None ("off" in a recipe) switches a rule off."""

    min_punctuated_line_frac: float | None = Field(0.12, description="section 3.6")
    max_short_line_frac: float | None = Field(0.67, description="section 3.6")
    short_line_chars: int = Field(30, description="longest line that is short; section 3.6")
    max_dup_line_chars_frac: float | None = Field(0.1, description="section 3.6; the released code has 0.01")
    max_newline_word_frac: float | None = Field(0.3, description="the released code; the paper leaves it out")

    def stages(self) -> tuple[Stage, ...]:
        """One stage."""
        compute = compute_by_language(self, lambda c: partial(measure, short_line_chars=c.short_line_chars))
        return (Stage("fineweb", SIGNALS, compute, rules_by_language(self, _rules)),)


def _rules(config: FineWebConfig) -> tuple[Rule, ...]:
    return (
        *limit(config, "fineweb", "punctuated_line_frac", low="min_punctuated_line_frac"),
        *limit(config, "fineweb", "short_line_frac", high="max_short_line_frac"),
        *limit(config, "fineweb", "dup_filled_line_chars_frac", high="max_dup_line_chars_frac"),
        *limit(config, "fineweb", "newline_word_frac", high="max_newline_word_frac"),
    )


def measure(batch: DocumentBatch, short_line_chars: int) -> Columns:
    """`SIGNALS`. Lines end at newlines; blank ones are no lines; terminal punctuation is any script's, and
    white space after it hides it, as in the code."""
    lines, punctuated, short = count_line_shapes(batch.characters, batch.lines, short_line_chars).T
    repeated = count_repeated_filled_lines(batch.lines)[:, 2]
    newlines = sizes(batch.lines.doc_offsets) - 1
    chars = sizes(batch.characters.doc_offsets) - newlines
    words = sum_by_document(batch.word_counts, batch.chunks.doc_offsets)
    return as_columns(
        {
            "punctuated_line_frac": (punctuated, lines),
            "short_line_frac": (short, lines),
            "dup_filled_line_chars_frac": (repeated, np.where(lines, chars, 0)),
            "newline_word_frac": (newlines, words),
        }
    )
