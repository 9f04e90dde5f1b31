"""Where a corpus uses certain words: the passages, at most one a document and so many a word.

A word counts where it stands after a space and is letters only: there a byte-level tokenizer begins a token, so that
the word's own pieces can be told from its neighbours'.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_WORD = re.compile(r"(?<= )[^\W\d_]+(?!\w)")
_PLAIN = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
BEFORE_CHARS, AFTER_CHARS = 400, 200
"""Of a passage, around the word: more than the few dozen tokens a small model sees."""


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a word.

    Attributes:
        word: In lower case.
        text: The passage: of one line, beginning and ending between words.
        start, stop: Where the word stands in it, in characters; the character before it is a space.
        label: Its domain, or the sense it was written for.
    """

    word: str
    text: str
    start: int
    stop: int
    label: str


@dataclass
class Uses:
    """What a search has found: how often each word is used, and some of the uses, in the corpus's order."""

    counts: Counter[str] = field(default_factory=Counter)
    found: dict[str, list[Use]] = field(default_factory=dict)


def find_uses(documents: Iterable[tuple[str, str]], wanted: Mapping[str, int]) -> Uses:
    """Uses of words, whatever their case.

    Args:
        documents: (domain, text).
        wanted: Word in lower case to the most uses to keep of it; a document gives one.
    """
    uses = Uses()
    for domain, text in documents:
        met: set[str] = set()
        for match in _WORD.finditer(text):
            word = match[0].lower()
            if word not in wanted:
                continue
            uses.counts[word] += 1
            kept = uses.found.setdefault(word, [])
            if word not in met and len(kept) < wanted[word]:
                met.add(word)
                kept.append(use_in(text, match.start(), match.end(), domain))
    return uses


def use_in(text: str, start: int, stop: int, label: str) -> Use:
    """The use of a word that stands at `start:stop`, with as much around it on its line as a passage takes."""
    first = max(text.rfind("\n", 0, start) + 1, start - BEFORE_CHARS)
    if first and text[first - 1] not in " \n":
        first = text.find(" ", first, start) + 1
    end = text.find("\n", stop)
    last = min(len(text) if end < 0 else end, stop + AFTER_CHARS)
    if last < len(text) and text[last] not in " \n":
        last = max(text.rfind(" ", stop, last), stop)
    passage = text[first:last]
    return Use(text[start:stop].lower(), passage, start - first, stop - first, label)


def plain_words(text: str) -> str:
    """A text as the skip-gram reads it: words in lower case between spaces, nothing else."""
    return " ".join(_PLAIN.findall(text.lower()))
