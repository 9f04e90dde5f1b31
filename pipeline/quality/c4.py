"""C4's rules: lines removed from the text, then pages judged by what is left.

Source: Raffel et al. (2020), "Exploring the Limits of Transfer Learning", arXiv:1910.10683, section 2.2, in
the reading of datatrove 0.10 (`C4QualityFilter`) and, before it, tensorflow_datasets' `c4_utils`. Beyond the
paper the code removes lines with a word of over 1,000 characters and lines with policy phrases, and cuts
citations. The list of bad words is left out, as in FineWeb.
"""

from __future__ import annotations

from functools import partial

import pyarrow as pa
from pydantic import Field

from pipeline.batch import DocumentBatch
from pipeline.kernels import line_filter
from pipeline.kernels.line_filter import LineLimits, filter_lines
from pipeline.kernels.tallies import count_sentences
from pipeline.quality.limits import Limits, compute_by_language, limit, rules_by_language
from pipeline.signals import as_columns, sizes
from pipeline.stage import Columns, Rule, Stage, signal

SIGNALS = pa.schema(
    [
        pa.field(
            "text",
            pa.string(),
            metadata={"doc": "the lines that stay, joined by newlines", "unit": "", "null": ""},
        ),
        signal("line_count", "lines before any was removed", "lines"),
        signal("long_word_line_count", "lines removed for a word too long", "lines"),
        signal("unterminated_line_count", "lines removed for want of terminal punctuation", "lines"),
        signal("few_word_line_count", "lines removed for too few words", "lines"),
        signal("javascript_line_count", "lines removed that mention javascript", "lines"),
        signal("policy_line_count", "lines removed with a policy phrase", "lines"),
        signal("kept_text_frac", "text that stays", "of bytes", null="empty text"),
        signal("lorem_ipsum_count", 'lines that stay with "lorem ipsum"', "lines"),
        signal("curly_bracket_count", "lines that stay with an opening curly bracket", "lines"),
        signal("sentence_count", "sentences of the lines that stay", "sentences"),
    ]
)

_LINE_COUNTS = {
    "line_count": line_filter.LINES,
    "long_word_line_count": line_filter.LONG_WORD,
    "unterminated_line_count": line_filter.NO_TERMINAL,
    "few_word_line_count": line_filter.FEW_WORDS,
    "javascript_line_count": line_filter.JAVASCRIPT,
    "policy_line_count": line_filter.POLICY,
    "lorem_ipsum_count": line_filter.LOREM_IPSUM,
    "curly_bracket_count": line_filter.CURLY_BRACKET,
}

_NO_LIMIT = 2**62


class C4Config(Limits):
    """C4's rules. None ("off" in a recipe) switches a limit off."""

    terminal_punctuation: bool = Field(
        False,
        description="remove lines that do not end in . ? ! \" or '; the paper does, FineWeb does not",
    )
    min_words_per_line: int | None = Field(3, description="remove lines of fewer words; section 2.2")
    max_word_chars: int | None = Field(1000, description="remove lines with a longer word; code only")
    remove_citations: bool = Field(True, description="cut [1], [edit] and [citation needed] out; code only")
    remove_javascript: bool = Field(True, description="remove lines that mention javascript; section 2.2")
    remove_policy: bool = Field(True, description="remove lines with one of policy_phrases; code only")
    policy_phrases: tuple[str, ...] = (
        "terms of use",
        "privacy policy",
        "cookie policy",
        "uses cookies",
        "use of cookies",
        "use cookies",
    )
    max_lorem_ipsum: int | None = Field(0, description='lines with "lorem ipsum" a page may have; section 2.2')
    max_curly_brackets: int | None = Field(0, description="lines with { a page may have; section 2.2")
    min_sentences: int | None = Field(5, description="section 2.2; DCLM has 3")

    def stages(self) -> tuple[Stage, ...]:
        """One stage, which rewrites `text`."""
        compute = compute_by_language(
            self, lambda c: partial(correct_lines, limits=_line_limits(c), policy=c.policy_phrases)
        )
        return (Stage("c4", SIGNALS, compute, rules_by_language(self, _rules)),)


def _line_limits(config: C4Config) -> LineLimits:
    return LineLimits(
        max_word_chars=_NO_LIMIT if config.max_word_chars is None else config.max_word_chars,
        min_words=config.min_words_per_line or 0,
        terminal=config.terminal_punctuation,
        citations=config.remove_citations,
        javascript=config.remove_javascript,
        policy=config.remove_policy,
    )


def _rules(config: C4Config) -> tuple[Rule, ...]:
    return (
        *limit(config, "c4", "lorem_ipsum_count", high="max_lorem_ipsum"),
        *limit(config, "c4", "curly_bracket_count", high="max_curly_brackets"),
        *limit(config, "c4", "sentence_count", low="min_sentences"),
    )


def correct_lines(batch: DocumentBatch, limits: LineLimits, policy: tuple[str, ...]) -> Columns:
    """`SIGNALS`. A line is counted once, for the first cause that applies, in the order the code checks them:
    word too long, no terminal punctuation, few words, lorem ipsum, javascript, curly bracket, policy. Lines
    with lorem ipsum or a curly bracket stay in the text: it is the page they speak against.
    """
    filtered = filter_lines(*batch.utf8, batch.characters, batch.chunks, batch.lines, limits, policy)
    rewritten = batch.of_pieces(filtered.pieces)
    return as_columns(
        {
            **{name: filtered.counts[:, column] for name, column in _LINE_COUNTS.items()},
            "kept_text_frac": (sizes(rewritten.utf8.offsets), sizes(batch.utf8.offsets)),
            "sentence_count": count_sentences(rewritten.characters, rewritten.chunks, rewritten.lines),
        },
        rewritten,
    )
