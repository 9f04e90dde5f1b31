"""RefinedWeb's line corrections: menus, counters and buttons taken out, and the page judged by how much that was.

Source: Penedo et al. (2023), "The RefinedWeb Dataset", arXiv:2306.01116, appendix G.2, which describes the rules and
leaves most limits out; the limits are those of DCLM's reproduction (Li et al. 2024, arXiv:2406.11794, code
`baselines_configs/dclm_baseline_refinedweb.yaml` and `mappers/modifiers.py`), which Dolma 3 takes over. Where they
differ:

- RefinedWeb drops the page when the flagged lines hold over 5 % of its words; DCLM, and so we, when over 5 % of the
words
  were removed, which counts a button inside a line as its own words only.
- The paper removes a short line with a phrase; DCLM cuts the phrase out and removes the line where nothing is left.
- DCLM writes "Read more..." as a regular expression, in which the full stops stand for any three characters.
- DCLM counts words with fastText's tokenizer: parted by ASCII white space, those that begin with a letter or digit.
Here
  any white space parts words, and every letter of an unspaced script is a word: Chinese lines are not "of one word".
- DCLM strips the text between the steps; here once, at the end.
"""

from __future__ import annotations

from functools import partial

import pyarrow as pa
from pydantic import Field

from pipeline.batch import DocumentBatch
from pipeline.kernels import line_corrections as kernel
from pipeline.kernels.line_corrections import Corrections
from pipeline.quality.limits import Limits, compute_by_language, limit, rules_by_language
from pipeline.signals import as_columns
from pipeline.stage import Columns, Rule, Stage, signal

SIGNALS = pa.schema(
    [
        pa.field("text", pa.string(), metadata={"doc": "the text that stays", "unit": "", "null": ""}),
        signal("capital_line_count", "lines removed for too many capitals", "lines"),
        signal("numeral_line_count", "lines removed for too many digits", "lines"),
        signal("counter_line_count", 'lines removed that count something ("3 likes")', "lines"),
        signal("short_line_count", "lines removed for too few words", "lines"),
        signal("button_line_count", "lines removed that were a phrase like “sign in” only", "lines"),
        signal("button_count", "lines that lost such a phrase and stay", "lines"),
        signal("removed_word_frac", "words removed by all of these", "fraction of words", null="no word"),
    ]
)


class LinesConfig(Limits):
    """RefinedWeb's line corrections. None ("off" in a recipe) switches a limit off."""

    enabled: bool = False
    max_capital_frac: float | None = Field(0.5, description="remove lines with more capitals; DCLM, the paper has none")
    max_numeral_frac: float | None = Field(
        0.999999, description="remove lines with more digits; DCLM's way of writing: lines of digits alone"
    )
    remove_counters: bool = Field(True, description='remove lines like "3 likes"; the paper, appendix G.2')
    counted: tuple[str, ...] = Field(
        ("likes", "shares", "comments", "retweets", "reposts", "quotes", "bookmarks", "upvotes", "downvotes",
         "downloads", "views", "followers"),
        description="what a counter counts; DCLM's list, the paper has one example",
    )  # fmt: skip
    min_words_per_line: int | None = Field(2, description="remove lines of fewer words, empty ones apart; the paper")
    max_phrase_words: int = Field(10, description="phrases are looked for in lines of at most so many words; the paper")
    phrases: tuple[str, ...] = Field(("items in cart",), description="cut out wherever they are")
    start_phrases: tuple[str, ...] = Field(("sign-in",), description="cut out where a line begins with one")
    end_phrases: tuple[str, ...] = Field(
        ("read more...",), description="cut out where a line ends in one; a full stop is any character"
    )
    max_removed_word_frac: float | None = Field(0.05, description="share of words a page may lose; the paper")

    def stages(self) -> tuple[Stage, ...]:
        """One stage, which rewrites `text`."""
        compute = compute_by_language(self, lambda c: partial(correct, corrections=_corrections(c)))
        return (Stage("lines", SIGNALS, compute, rules_by_language(self, _rules)),)


def _corrections(config: LinesConfig) -> Corrections:
    return Corrections(
        max_capital_frac=1.0 if config.max_capital_frac is None else config.max_capital_frac,
        max_numeral_frac=1.0 if config.max_numeral_frac is None else config.max_numeral_frac,
        min_words=config.min_words_per_line or 0,
        phrase_words=config.max_phrase_words,
        counted=config.counted if config.remove_counters else (),
        anywhere=config.phrases,
        at_start=config.start_phrases,
        at_end=config.end_phrases,
    )


def _rules(config: LinesConfig) -> tuple[Rule, ...]:
    return limit(config, "lines", "removed_word_frac", high="max_removed_word_frac")


def correct(batch: DocumentBatch, corrections: Corrections) -> Columns:
    """`SIGNALS`. A line is counted once, for the first cause that applies: capitals, digits, counter, words, phrase."""
    corrected = kernel.correct_lines(batch.utf8.data, batch.characters, batch.chunks, batch.lines, corrections)
    rewritten = batch.of_pieces(corrected.pieces)
    counts = corrected.counts
    before, after = counts[:, kernel.WORDS], counts[:, kernel.WORDS_LEFT]
    return as_columns(
        {
            "capital_line_count": counts[:, kernel.CAPITALS],
            "numeral_line_count": counts[:, kernel.NUMERALS],
            "counter_line_count": counts[:, kernel.COUNTER],
            "short_line_count": counts[:, kernel.FEW_WORDS],
            "button_line_count": counts[:, kernel.PHRASE],
            "button_count": counts[:, kernel.EDITED],
            "removed_word_frac": (before - after, before),
        },
        rewritten,
    )
