"""What of a text counts when it is compared: exactly (the digest) or nearly (the folded characters).

Exact copies agree but for white space. Near copies are compared after FineWeb's normalisation: lower case, no
punctuation, no diacritics, every number read as 0, words parted by single spaces. Ours differs from the
released code in three points, each so that a character folds the same wherever it stands: all Unicode
punctuation, symbols and invisible characters go (the released list names about a hundred); the final sigma is
an ordinary one; and where a script writes no spaces (Chinese, Japanese, Thai...) every character is a word,
since the released tokenisers of those languages are models.

Source: FineWeb (Penedo et al. 2024, arXiv:2406.17557, appendix on deduplication); datatrove `utils/text.py`.
"""

from __future__ import annotations

import hashlib
import unicodedata
from functools import cache

import numpy as np

from pipeline.kernels.folding import DIGIT, DROPPED, LETTER, SPACE, UNSPACED, FoldTable

TABLE_SIZE = 0x20000
"""Code points with an entry in the table; those above are Han, plane 14 (invisible: dropped) or private."""

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
    """What one character other than white space becomes: lower case, decomposed, marks and punctuation gone.

    >>> fold("É"), fold("!"), fold("ß")
    ('e', '', 'ß')
    """
    if ord(character) >= TABLE_SIZE:
        return "" if 0xE0000 <= ord(character) < 0xF0000 else character
    parts = unicodedata.normalize("NFD", character.lower())
    return "".join(part for part in parts if not _is_dropped(unicodedata.category(part)))


def _is_dropped(category: str) -> bool:
    return category[0] in "PS" or category in ("Cc", "Cf", "Mn")


@cache
def fold_table() -> FoldTable:
    """The folding of every code point of planes 0 and 1, made once a process (about 0.2 s)."""
    kinds = np.full(TABLE_SIZE, LETTER, np.uint8)
    for low, high in _UNSPACED_RANGES:
        kinds[low : high + 1] = UNSPACED
    starts = np.zeros(TABLE_SIZE + 1, np.int32)
    folded = bytearray()
    for code, character in enumerate(map(chr, range(TABLE_SIZE))):
        plain = "" if 0xD800 <= code < 0xE000 or character.isspace() else fold(character)
        if not plain:
            kinds[code] = SPACE if character.isspace() else DROPPED
        elif character.isdecimal():
            kinds[code] = DIGIT
        folded += plain.encode()
        starts[code + 1] = len(folded)
    return FoldTable(kinds, starts, np.frombuffer(bytes(folded), np.uint8))
