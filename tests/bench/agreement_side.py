"""datatrove's half of `agreement`: its own filters' numbers and verdicts for given texts, in its own environment.

    python agreement_side.py TEXTS.json RESULTS.json

Numbers are taken with the words given in the file, so that what differs is not segmentation; verdicts with spaCy's.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
    URLFilter,
)
from datatrove.pipeline.filters import fineweb_quality_filter as fineweb_module
from datatrove.pipeline.filters import gopher_quality_filter as quality_module
from datatrove.pipeline.filters import gopher_repetition_filter as repetition_module
from datatrove.utils.text import PUNCTUATION_SET
from datatrove.utils.word_tokenizers import load_word_tokenizer
from tldextract import TLDExtract

WORDS: dict[str, list[str]] = {}
REPETITION, QUALITY = GopherRepetitionFilter(), GopherQualityFilter()
FINEWEB = FineWebQualityFilter(
    char_duplicates_ratio=0.1  # the paper's; the released code has 0.01
)
C4 = C4QualityFilter(filter_no_terminal_punct=False)


def split(text: str) -> list[str]:
    """The words given for the text, or spaCy's."""
    words = WORDS.get(text)
    return words if words is not None else load_word_tokenizer("en").word_tokenize(text)


def keeps(step: Any, text: str) -> tuple[bool, str]:
    """Whether a filter keeps the text, and the text it leaves."""
    document = Document(text=text, id="0")
    verdict = step.filter(document)
    return (verdict if isinstance(verdict, bool) else bool(verdict[0])), document.text


def ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def repetition(text: str) -> dict[str, float | None]:
    """What `GopherRepetitionFilter.filter` compares with its limits, by its own functions."""
    if not text:
        return {}
    paragraphs, lines = REPETITION.paragraph_exp.split(text.strip()), REPETITION._line_splitter.split(text)
    paragraph_count, paragraph_chars = repetition_module.find_duplicates(paragraphs)
    line_count, line_chars = repetition_module.find_duplicates(lines)
    words = split(text)
    found: dict[str, float | None] = {
        "dup_paragraph_frac": paragraph_count / len(paragraphs),
        "dup_paragraph_chars_frac": paragraph_chars / len(text),
        "dup_line_frac": line_count / len(lines),
        "dup_line_chars_frac": line_chars / len(text),
    }
    for n, _ in REPETITION.top_n_grams:
        grams = repetition_module.get_n_grams(words, n)
        found[f"top_{n}gram_chars_frac"] = repetition_module.find_top_duplicate(grams) / len(text) if grams else 0.0
    for n, _ in REPETITION.dup_n_grams:
        found[f"dup_{n}gram_chars_frac"] = repetition_module.find_all_duplicate(words, n) / len(text)
    return found


def quality(text: str) -> dict[str, float | None]:
    """What `GopherQualityFilter.filter` compares with its limits."""
    words = split(text)
    real = [word for word in words if any(c not in PUNCTUATION_SET for c in word)]
    lines = text.splitlines()
    return {
        "word_count": len(real),
        "mean_word_chars": ratio(sum(map(len, real)), len(real)),
        "hash_word_frac": ratio(text.count("#"), len(words)),
        "ellipsis_word_frac": ratio(text.count("...") + text.count("…"), len(words)),
        "bullet_line_frac": ratio(sum(line.lstrip().startswith(("•", "-")) for line in lines), len(lines)),
        "ellipsis_line_frac": ratio(sum(line.rstrip().endswith(("...", "…")) for line in lines), len(lines)),
        "alpha_word_frac": ratio(sum(any(c.isalpha() for c in word) for word in words), len(words)),
        "stop_word_count": len(QUALITY.stop_words.intersection(words)),
    }


def fineweb(text: str) -> dict[str, float | None]:
    """What `FineWebQualityFilter.filter` compares with its limits."""
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines:
        return {}
    words = split(text)
    return {
        "punctuated_line_frac": sum(line.endswith(tuple(FINEWEB.stop_chars)) for line in lines) / len(lines),
        "short_line_frac": sum(len(line) <= FINEWEB.short_line_length for line in lines) / len(lines),
        "dup_filled_line_chars_frac": fineweb_module.find_duplicates(lines)[1] / len(text.replace("\n", "")),
        "newline_word_frac": ratio(text.count("\n"), len(words)),
    }


def verdicts(text: str) -> dict[str, Any]:
    """What each filter says; C4 hands its text on to FineWeb, as the pipeline does."""
    if not text.strip():
        return dict.fromkeys(("gopher_repetition", "gopher_quality", "c4", "fineweb"), False) | {"c4_text": ""}
    c4_keeps, left = keeps(C4, text)
    return {
        "gopher_repetition": keeps(REPETITION, text)[0],
        "gopher_quality": keeps(QUALITY, text)[0],
        "c4": c4_keeps,
        "fineweb": keeps(FINEWEB, left)[0],
        "c4_text": left,
    }


def addresses(urls: list[str], lists: dict[str, list[str]]) -> list[bool]:
    """Which URLs `URLFilter` keeps with those lists and none of its own."""
    step = URLFilter(
        extra_domains=lists["hosts"],
        banned_words=lists["words"],
        soft_banned_words=lists["soft_words"],
        banned_subwords=lists["strings"],
        use_integrated_lists=False,
    )
    step.tldextractor = TLDExtract(suffix_list_urls=())  # the list it carries: no network
    return [step.filter(Document(text="", id="0", metadata={"url": url})) is True for url in urls]


def main() -> None:
    """Measure every text of the file with the words given, and judge it with spaCy's."""
    texts, words, urls, lists = json.loads(Path(sys.argv[1]).read_text()).values()
    for module in (repetition_module, quality_module, fineweb_module):
        module.split_into_words = lambda text, language=None: split(text)
    WORDS.update(zip(texts, words, strict=True))
    signals = [repetition(text) | quality(text) | fineweb(text) for text in texts]
    WORDS.clear()
    judged = [verdicts(text) for text in texts]
    Path(sys.argv[2]).write_text(json.dumps({"signals": signals, "verdicts": judged, "urls": addresses(urls, lists)}))


if __name__ == "__main__":
    main()
