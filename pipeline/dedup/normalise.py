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
import re
import unicodedata
from functools import cache

import numpy as np

from pipeline.kernels.folding import DIGIT, DROPPED, LETTER, SPACE, UNSPACED, FoldTable

_HAN_PLANES = 0x20000
_HANGUL = range(0xAC00, 0xD7A4)
"""Syllables, which decompose by a rule that `unicodedata.decomposition` does not tell."""

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


_DROPPED = frozenset(("Cc", "Cf", "Mn", *("P" + kind for kind in "cdefios"), *("S" + kind for kind in "ckmo")))
"""Categories of characters that do not count: punctuation, symbols, marks, and what is invisible."""


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
    if len(parts) == 1:  # nearly always
        return "" if unicodedata.category(parts) in _DROPPED else parts
    return "".join(part for part in parts if unicodedata.category(part) not in _DROPPED)


def _fold_all(text: str, unfolded: set[int]) -> tuple[bytes, np.ndarray]:
    """`fold` of every character in UTF-8, one after another, and the bytes of each; only few are asked about singly."""
    plain = list(text)
    sizes = 1 + np.searchsorted([0x80, 0x800, 0x10000], np.arange(len(text)), "right")
    for code, category in enumerate(map(unicodedata.category, text)):
        if category in _DROPPED:
            plain[code] = ""
    changed = {code for code, parts in enumerate(map(unicodedata.decomposition, text)) if parts}
    changed |= {code for code, lower in enumerate(map(str.casefold, text)) if lower != text[code]}
    for code in {*changed, *_HANGUL} - unfolded:
        plain[code] = fold(text[code])
        sizes[code] = len(plain[code].encode())
    for code in unfolded:
        plain[code] = ""
    sizes[[code for code, folded in enumerate(plain) if not folded]] = 0
    return "".join(plain).encode(), sizes


@cache
def fold_table() -> FoldTable:
    """The folding of every code point below `TABLE_SIZE`, made once a process (about 0.07 s)."""
    kinds = np.full(TABLE_SIZE, LETTER, np.uint8)
    for low, high in (*_UNSPACED_RANGES, (_HAN_PLANES, TABLE_SIZE - 1)):
        kinds[low : high + 1] = UNSPACED
    text = np.arange(_HAN_PLANES, dtype="<u4").tobytes().decode("utf-32-le", "surrogatepass")
    spaces = [match.start() for match in re.finditer(r"\s", text)]
    plain, sizes = _fold_all(text, {*spaces, *range(0xD800, 0xE000)})
    kinds[[match.start() for match in re.finditer(r"\d", text)]] = DIGIT
    kinds[:_HAN_PLANES][sizes == 0] = DROPPED
    kinds[spaces] = SPACE
    folded = plain + "".join(map(chr, range(_HAN_PLANES, TABLE_SIZE))).encode()
    starts = np.cumsum(np.concatenate([[0], sizes, np.full(TABLE_SIZE - _HAN_PLANES, 4)])).astype(np.int32)
    letters = np.zeros(256, np.uint8)
    for code in (*range(65, 91), *range(97, 123)):
        letters[code] = code | 32
    return FoldTable(kinds, starts, np.frombuffer(folded, np.uint8), letters)
