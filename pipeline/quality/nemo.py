"""NeMo Curator's heuristics for English.

Source: NVIDIA NeMo Curator, `config/heuristic_filter_en.yaml` and `filters/heuristic_filter.py` (Apache-2.0), which
take most ideas from Gopher and C4. Words stand between white space there and here, so these are other counts than
Gopher's. Its n-gram rules have Gopher's limits and are left to `gopher`: it counts what `text.replace` finds of the
n-gram, a choice among equally frequent ones that changes from run to run. Where the two differ otherwise:

- The code judges an empty page 1.0 and so drops it; here it is null, which a rule fails too.
- "Letters" are Unicode's letters; the code's `[[:alpha:]]` has the vowel signs of Indian scripts besides.
- Boilerplate is found whatever the case of ASCII letters; the code lowers every letter.
- The code stops counting common words at the limit; here all are counted.
- Parameters that the code calls `max_repeated_...` are floors, and are called floors here.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pyarrow as pa
from pydantic import Field

from pipeline.batch import DocumentBatch
from pipeline.kernels import english
from pipeline.kernels.paragraphs import count_paragraphs
from pipeline.kernels.phrases import find_phrases
from pipeline.kernels.repeats import count_repeated_filled_lines
from pipeline.quality.limits import Limits, compute_by_language, limit, rules_by_language
from pipeline.signals import Ratio, as_columns, sizes
from pipeline.stage import Columns, Rule, Stage, signal

_RATIOS = (  # signal, meaning, of what, low, high
    ("odd_char_frac", "characters but a-z A-Z 0-9 newline ? ! , .", "characters", "", "max_odd_char_frac"),
    ("digit_char_frac", "digits", "characters", "", "max_digit_char_frac"),
    ("url_char_frac", "characters in URLs", "characters", "", "max_url_char_frac"),
    ("blank_char_frac", "spaces, tabs, line ends, backspaces", "characters", "", "max_blank_char_frac"),
    ("bracket_char_frac", "brackets ()[]{}⟨⟩", "characters", "", "max_bracket_char_frac"),
    ("symbol_word_frac", "words that are ellipses or number signs", "words", "", "max_symbol_word_frac"),
    ("letter_word_frac", "words with a letter", "words", "min_letter_word_frac", ""),
    ("boilerplate_paragraph_frac", "paragraphs with a boilerplate phrase; 1 where any has “lorem ipsum”",
     "paragraphs", "", "max_boilerplate_paragraph_frac"),
    ("unique_line_frac", "different lines", "lines not blank", "min_unique_line_frac", ""),
    ("unique_line_char_frac", "characters in different lines", "characters of lines not blank",
     "min_unique_line_char_frac", ""),
    ("unique_paragraph_frac", "different paragraphs", "paragraphs", "min_unique_paragraph_frac", ""),
    ("unique_paragraph_char_frac", "characters in different paragraphs", "characters of paragraphs",
     "min_unique_paragraph_char_frac", ""),
    ("unended_line_frac", "lines that do not end in . ? ! \" or '", "lines not blank", "", "max_unended_line_frac"),
    ("trailing_line_frac", "lines that end in an ellipsis or “read more”", "lines not blank", "",
     "max_trailing_line_frac"),
    ("listed_line_frac", "lines that begin with a bullet", "lines not blank", "", "max_listed_line_frac"),
)  # fmt: skip

SIGNALS = pa.schema(
    [
        *(signal(name, doc, f"fraction of {of}", null=f"no {of}") for name, doc, of, _, _ in _RATIOS),
        signal("spaced_word_count", "words between white space", "words"),
        signal("mean_spaced_word_chars", "their mean length", "characters", null="no word"),
        signal("longest_word_chars", "the longest one's length", "characters", null="no word"),
        signal("common_word_count", "words of the list of common ones, each time", "words"),
    ]
)


class NemoConfig(Limits):
    """NeMo Curator's English heuristics; limits as its file has them. None ("off" in a recipe) switches a rule off."""

    enabled: bool = False
    max_odd_char_frac: float | None = Field(0.25, description="NonAlphaNumericFilter")
    max_digit_char_frac: float | None = Field(0.15, description="NumbersFilter")
    max_url_char_frac: float | None = Field(0.2, description="UrlsFilter")
    max_blank_char_frac: float | None = Field(0.25, description="WhiteSpaceFilter")
    max_bracket_char_frac: float | None = Field(0.1, description="ParenthesesFilter")
    max_symbol_word_frac: float | None = Field(0.1, description="SymbolsToWordsFilter")
    min_letter_word_frac: float | None = Field(0.8, description="WordsWithoutAlphabetsFilter")
    max_boilerplate_paragraph_frac: float | None = Field(0.4, description="BoilerPlateStringFilter")
    min_unique_line_frac: float | None = Field(0.7, description="RepeatedLinesFilter")
    min_unique_line_char_frac: float | None = Field(0.8, description="RepeatedLinesByCharFilter")
    min_unique_paragraph_frac: float | None = Field(0.7, description="RepeatedParagraphsFilter")
    min_unique_paragraph_char_frac: float | None = Field(0.8, description="RepeatedParagraphsByCharFilter")
    max_unended_line_frac: float | None = Field(0.85, description="PunctuationFilter")
    max_trailing_line_frac: float | None = Field(0.3, description="EllipsisFilter")
    max_listed_line_frac: float | None = Field(0.9, description="BulletsFilter")
    min_words: int | None = Field(50, description="WordCountFilter")
    max_words: int | None = Field(100_000, description="WordCountFilter")
    min_mean_word_chars: float | None = Field(3, description="MeanWordLengthFilter")
    max_mean_word_chars: float | None = Field(10, description="MeanWordLengthFilter")
    max_word_chars: int | None = Field(1000, description="LongWordFilter")
    min_common_words: int | None = Field(2, description="CommonEnglishWordsFilter; occurrences, not different words")
    common_words: tuple[str, ...] = Field(
        ("the", "be", "to", "of", "and", "that", "have", "with"), description="as written"
    )
    boilerplate: tuple[str, ...] = Field(
        ("terms of use", "privacy policy", "cookie policy", "uses cookies", "privacy overview", "use of cookies",
         "use cookies", "privacy & cookies policy", "privacy and cookies policy",
         "necessary cookies are absolutely essential for the website to function properly",
         "any cookies that may not be particularly necessary for the website to function",
         "if you continue to browse this site without changing your cookie settings"),
        description="BoilerPlateStringFilter's phrases; the last three stand for paragraphs that begin so",
    )  # fmt: skip

    def stages(self) -> tuple[Stage, ...]:
        """One stage."""
        compute = compute_by_language(
            self, lambda c: partial(measure, common_words=c.common_words, boilerplate=c.boilerplate)
        )
        return (Stage("nemo", SIGNALS, compute, rules_by_language(self, _rules)),)


def _rules(config: NemoConfig) -> tuple[Rule, ...]:
    ratios = (limit(config, "nemo", name, low=low, high=high) for name, _, _, low, high in _RATIOS)
    return (
        *(rule for rules in ratios for rule in rules),
        *limit(config, "nemo", "spaced_word_count", low="min_words", high="max_words"),
        *limit(config, "nemo", "mean_spaced_word_chars", low="min_mean_word_chars", high="max_mean_word_chars"),
        *limit(config, "nemo", "longest_word_chars", high="max_word_chars"),
        *limit(config, "nemo", "common_word_count", low="min_common_words"),
    )


def measure(batch: DocumentBatch, common_words: tuple[str, ...], boilerplate: tuple[str, ...]) -> Columns:
    """`SIGNALS`. Lines end at newlines; paragraphs at two of them."""
    counts = english.count_english(batch.utf8.data, batch.characters, batch.chunks, batch.lines, common_words)
    chars, words, lines = sizes(batch.characters.doc_offsets), counts[:, english.WORDS], counts[:, english.LINES]
    odd = chars - counts[:, english.PLAIN]
    return as_columns(
        {
            "odd_char_frac": (odd, chars),
            "digit_char_frac": (counts[:, english.DIGITS], chars),
            "url_char_frac": (counts[:, english.URLS], chars),
            "blank_char_frac": (counts[:, english.BLANKS], chars),
            "bracket_char_frac": (counts[:, english.BRACKETS], chars),
            "symbol_word_frac": (counts[:, english.SYMBOL_WORDS], words),
            "letter_word_frac": (counts[:, english.ALPHA_WORDS], words),
            "unended_line_frac": (counts[:, english.UNENDED], lines),
            "trailing_line_frac": (counts[:, english.ELLIPSES], lines),
            "listed_line_frac": (counts[:, english.BULLETS], lines),
            "spaced_word_count": words,
            "mean_spaced_word_chars": (counts[:, english.WORD_CHARS], words),
            "longest_word_chars": (counts[:, english.LONGEST_WORD], np.minimum(words, 1)),
            "common_word_count": counts[:, english.COMMON_WORDS],
            **_uniqueness(batch, boilerplate),
        }
    )


def _uniqueness(batch: DocumentBatch, boilerplate: tuple[str, ...]) -> dict[str, Ratio]:
    """Shares of lines and paragraphs that are not repeated, and of paragraphs that are boilerplate."""
    hits = find_phrases(batch.utf8.data, batch.utf8.offsets, ("lorem ipsum", *boilerplate))
    paragraphs = count_paragraphs(batch.characters, batch.lines, batch.utf8.offsets, hits)
    whole, repeated, chars, repeated_chars, phrased = paragraphs.T
    lines, repeated_lines, repeated_line_chars, line_chars = count_repeated_filled_lines(batch.lines).T
    some = sizes(batch.characters.doc_offsets) > 0  # an empty text has one empty paragraph, and nothing to say
    return {
        "boilerplate_paragraph_frac": (phrased, np.where(some, whole, 0)),
        "unique_line_frac": (lines - repeated_lines, lines),
        "unique_line_char_frac": (line_chars - repeated_line_chars, line_chars),
        "unique_paragraph_frac": (whole - repeated, np.where(some, whole, 0)),
        "unique_paragraph_char_frac": (chars - repeated_chars, chars),
    }
