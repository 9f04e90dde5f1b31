"""What of a text counts when it is compared: exactly (the digest) or nearly (the folded characters).

Exact copies agree but for white space. Near copies are compared after FineWeb's normalisation: one case, no
punctuation, no diacritics, every number read as 0, words parted by single spaces. Ours differs from the
released code in three points: case is folded character by character (its lower-casing depends on where a
sigma stands); all Unicode punctuation, symbols and invisible characters go (it lists about a hundred); and
where a script writes no spaces (Chinese, Japanese, Thai...) every character is a word (its tokenisers of
those languages are models).

Source: FineWeb (Penedo et al. 2024, arXiv:2406.17557, appendix on deduplication); datatrove `utils/text.py`.
"""

from __future__ import annotations

import hashlib
import unicodedata
from functools import cache

import numpy as np

from pipeline.kernels.folding import DIGIT, DROPPED, LETTER, SPACE, UNSPACED, FoldTable

_HAN_PLANES = 0x20000
TABLE_SIZE = 0x40000
"""Code points with an entry in the table; those above are invisible (plane 14) or private, and dropped."""

_UNSPACED_RANGES = (
    (0x0E00, 0x0FFF),  # Thai, Lao, Tibetan
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x3040, 0x312F),  # Hiragana, Katakana, Bopomofo
    (0x31A0, 0x31FF),  # Bopomofo and Katakana extensions
    (0x3400, 0x4DBF),  # Han extension A
    (0x4E00, 0x9FFF),  # Han
    (0xF900, 0xFAFF),  # Han compatibility
    (0xFF66, 0xFF9D),  # half-width Katakana
)


def text_digest(text: str) -> str:
    """sha256, hexadecimal, of the text with every run of white space made one space and the ends stripped."""
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()


def fold(character: str) -> str:
    """What one character other than white space becomes: case folded, decomposed, marks and punctuation gone.

    >>> fold("É"), fold("!"), fold("ß")
    ('e', '', 'ss')
    """
    if ord(character) >= _HAN_PLANES:
        return character if ord(character) < TABLE_SIZE else ""
    parts = unicodedata.normalize("NFD", character.casefold())
    return "".join(part for part in parts if not _is_dropped(unicodedata.category(part)))


def _is_dropped(category: str) -> bool:
    return category[0] in "PS" or category in ("Cc", "Cf", "Mn")


@cache
def fold_table() -> FoldTable:
    """The folding of every code point below `TABLE_SIZE`, made once a process (about 0.2 s)."""
    kinds = np.full(TABLE_SIZE, LETTER, np.uint8)
    for low, high in (*_UNSPACED_RANGES, (_HAN_PLANES, TABLE_SIZE - 1)):
        kinds[low : high + 1] = UNSPACED
    starts = np.zeros(TABLE_SIZE + 1, np.int32)
    folded = bytearray()
    for code, character in enumerate(map(chr, range(_HAN_PLANES))):
        plain = "" if 0xD800 <= code < 0xE000 or character.isspace() else fold(character)
        if not plain:
            kinds[code] = SPACE if character.isspace() else DROPPED
        elif character.isdecimal():
            kinds[code] = DIGIT
        folded += plain.encode()
        starts[code + 1] = len(folded)
    folded += "".join(map(chr, range(_HAN_PLANES, TABLE_SIZE))).encode()
    starts[_HAN_PLANES + 1 :] = starts[_HAN_PLANES] + 4 * np.arange(1, TABLE_SIZE - _HAN_PLANES + 1)
    letters = np.zeros(256, np.uint8)
    for code in (*range(65, 91), *range(97, 123)):
        letters[code] = code | 32
    return FoldTable(kinds, starts, np.frombuffer(bytes(folded), np.uint8), letters)
