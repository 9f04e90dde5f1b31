"""What a language model sees of a text: lower case, no accents, every digit a 0, plain punctuation.

`NORMALISATIONS["words"]` is cc_net's normalisation (lower case, decomposed without marks, digits to 0, typographic
punctuation to ASCII, control characters gone), then words: letters and digits together, every mark by itself. Two
points differ from cc_net's: a line is a sentence (there a page is one, with the words at line ends glued together), and
where a script writes no spaces every character is a word (there a SentencePiece model cuts).
`NORMALISATIONS["spaces"]` takes what stands between blanks as it is: for text that is cut into pieces already.

Source: cc_net `text_normalizer.py` (Wenzek et al. 2020, arXiv:1911.00359).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import cache

import numpy as np

from pipeline.kernels.classes import UNSPACED_RANGES, parse_ranges
from pipeline.kernels.spellings import ALONE, DROPPED, LETTER, LINE, SPACE, SpellingTable

TABLE_SIZE = 0x20000
"""Code points with an entry; those above (Han of planes 2 and 3, emblems, private use) stand alone, as they are."""

PUNCTUATION = {
    "，": ",", "。": ".", "、": ",", "„": '"', "”": '"', "“": '"', "«": '"', "»": '"', "」": '"', "「": '"',
    "《": '"', "》": '"', "´": "'", "∶": ":", "：": ":", "？": "?", "！": "!", "（": "(", "）": ")", "；": ";",
    "–": "-", "—": " - ", "．": ". ", "～": "~", "’": "'", "…": "...", "━": "-", "〈": "<", "〉": ">", "【": "[",
    "】": "]", "％": "%", "►": "-",
}  # fmt: skip
"""cc_net's table."""


def normalise(character: str) -> str:
    """What one character becomes.

    >>> normalise("É"), normalise("7"), normalise("—")
    ('e', '0', ' - ')
    """
    parts = unicodedata.normalize("NFD", character.lower())
    plain = unicodedata.normalize("NFC", "".join(c for c in parts if unicodedata.category(c) != "Mn"))
    return "".join("0" if c.isdecimal() else PUNCTUATION.get(c, c) for c in plain)


def normalise_text(text: str) -> str:
    """cc_net's `normalize` of a whole page: as `normalise`, and every control character gone, line ends too."""
    plain = "".join(map(normalise, text.strip()))
    return "".join(c for c in plain if not (ord(c) < 32 or 127 <= ord(c) < 160))


def _kind_in_words(character: str) -> int:
    category = unicodedata.category(character)
    if character == "\n":
        return LINE
    if character.isspace():
        return SPACE
    if category in ("Cc", "Cf", "Cs"):
        return DROPPED
    if category[0] in "LMN":
        return ALONE if _is_unspaced(ord(character)) else LETTER
    return ALONE


def _kind_in_spaces(character: str) -> int:
    return LINE if character == "\n" else SPACE if character in " \t\r\0" else LETTER


@cache
def _unspaced() -> frozenset[int]:
    ranges = parse_ranges(UNSPACED_RANGES)
    return frozenset(code for low, high in ranges for code in range(low, min(high, TABLE_SIZE - 1) + 1))


def _is_unspaced(code: int) -> bool:
    return code in _unspaced()


@cache
def spelling_table(normalisation: str) -> SpellingTable:
    """The table of one of `NORMALISATIONS`, made once a process (about 0.2 s)."""
    become, kind_of = NORMALISATIONS[normalisation]
    starts = np.zeros(TABLE_SIZE + 1, np.int32)
    points: list[int] = []
    kinds: list[int] = []
    for code in range(TABLE_SIZE):
        plain = "" if 0xD800 <= code < 0xE000 else become(chr(code))
        points.extend(map(ord, plain))
        kinds.extend(map(kind_of, plain))
        starts[code + 1] = len(points)
    return SpellingTable(starts, np.array(points, np.int32), np.array(kinds, np.uint8))


NORMALISATIONS: dict[str, tuple[Callable[[str], str], Callable[[str], int]]] = {
    "words": (normalise, _kind_in_words),
    "spaces": (lambda character: character, _kind_in_spaces),
}
"""How a character changes, and what the changed one is, by the name a model keeps."""
