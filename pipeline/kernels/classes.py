"""What each character is to the text kernels: a code of one byte, and a row of bits for each code.

The sets follow Unicode's own properties where they exist (general category, `str.isalpha`, `str.isspace`,
`str.splitlines`) and otherwise the definition of the filter that asks. All characters make some seventy different rows;
an ASCII character's code is its own byte, all others of one row share a code, but for those that a kernel asks for by
name. So a batch of texts takes one byte a character, and stays in the nearest caches.
"""

from __future__ import annotations

import string
import unicodedata
from functools import cache
from typing import NamedTuple

import numpy as np

SPACE = 1 << 0
LINE_END = 1 << 1
ALPHA = 1 << 2
LACKS_SYMBOL = 1 << 3
TERMINAL = 1 << 4
LACKS_PUNCTUATION = 1 << 5
PREFIX = 1 << 6
ALNUM = 1 << 7
"""Up to here one byte holds them: of chunks these six are kept."""
MARK = 1 << 8
DIGIT = 1 << 9
LOWER = 1 << 10
UPPER = 1 << 11
SYMBOL = 1 << 12
PUNCTUATION = 1 << 13
SUFFIX = 1 << 14
QUOTE = 1 << 15
ICON = 1 << 16
CURRENCY = 1 << 17
UNSPACED = 1 << 18
BEFORE_STOP = 1 << 19
HYPHEN = 1 << 20
COUNTED = 1 << 21
CAPITAL = 1 << 22
NUMERAL = 1 << 23
PLAIN_ENGLISH = 1 << 24
BLANK = 1 << 25
BRACKET = 1 << 26
URL_PART = 1 << 27
HOST_PART = 1 << 28
LACKS_SPACE = 1 << 29
"""LACKS_...: no symbol, no punctuation, no white space: so that joined classes of several characters say what all of
them are."""
WIDE = 1 << 30
"""Of more than one byte in UTF-8."""

BULLETS = "•‣⁃⁌⁍∙○●◘◦⦾⦿"
_NAMED = "’…»–—" + BULLETS
RIGHT_QUOTE, ELLIPSIS, _, _, _, BULLET = range(0x80, 0x86)
"""Codes of ’ and … and •; every ASCII character's code is itself."""
LAST_BULLET = BULLET + len(BULLETS) - 1
FIRST_SPACE = 0xF8
"""From here on codes are white space beyond ASCII."""
NO_CHARACTER = 0xFF
"""A code that no character has, and a row without any bit."""
_LAST_WITH_CLASSES = 0x34000
"""Beyond lie tags, variation selectors and private use, all of one row."""
_AT_ONCE = 0x1000
"""Characters whose properties are asked for together: as strings, all of them would take 16 MB."""

TERMINAL_RANGES = """
21 2E 3F 589 61D-61F 6D4 700-702 7F9 837 839 83D-83E 964-965 104A-104B 1362 1367-1368 166E 1735-1736 17D4-17D6
17D9-17DA 1803 1809 1944-1945 1AA8-1AAB 1B5A-1B5B 1B5E-1B5F 1B7D-1B7E 1C3B-1C3C 1C7E-1C7F 203C-203D 2047-2049
2E2E 2E3C 2E53-2E54 3002 A4FF A60E-A60F A6F3 A6F7 A876-A877 A8CE-A8CF A92F A9C8-A9C9 AA5D-AA5F AAF0-AAF1 ABEB
FE52 FE56-FE57 FF01 FF0E FF1F FF61 10A56-10A57 10F55-10F59 10F86-10F89 11047-11048 110BE-110C1 11141-11143
111C5-111C6 111CD 111DE-111DF 11238-11239 1123B-1123C 112A9 1144B-1144C 115C2-115C3 115C9-115D7 11641-11642
1173C-1173E 11944 11946 11A42-11A43 11A9B-11A9C 11C41-11C42 11EF7-11EF8 11F43-11F44 16A6E-16A6F 16AF5
16B37-16B38 16B44 16E98 1BC9F 1DA88
"""
"""Characters that end a sentence in any script: Unicode's Sentence_Terminal property, as FineWeb's filters
list it."""

SYMBOL_RANGES = """
0-8 B-1F 21-2F 3A-40 5B-60 7B-9F AB B4 BB 2013-2014 2019 201C-201E 2026 2236 2501 25BA 3001-3002 3008-300D
3010-3011 FF01 FF05 FF08-FF09 FF0C FF0E FF11 FF1A-FF1B FF1F FF5E
"""
"""With the terminals, what Gopher's word count leaves out: a word of these alone is a symbol, not a word. As
cc_net and datatrove list them; the full-width one (FF11) among them is theirs."""

UNSPACED_RANGES = """
E01-E3A E40-E4E E81-EDF 1000-1049 1050-109F 1780-17D3 17DC-17DD 1950-1974 1980-19DF 1A20-1AAD 3005-3007
3021-3029 3041-309F 3400-4DBF 4E00-9FFF A9E0-A9FE AA60-AADF F900-FAFF 1B000-1B16F 20000-323AF
"""
"""Scripts written without spaces: Thai, Lao, Myanmar, Khmer, Tai, Hiragana and Han. Katakana words stay
whole."""

STOPS_AND_BRACKETS = "…,:;!?¿؟¡()[]{}<>_#*&。？！，、；：～·।،۔؛٪"
QUOTES = "'\"”“`‘´’‚,„»«「」『』（）〔〕【】《》〈〉⟦⟧"
HYPHENS = "-–—~"
_ASCII_ALNUM = string.ascii_letters + string.digits
BRACKETS = "{}⟨⟩[]()"
BLANKS = "\t\n\r\b "
_LINE_ENDS = "\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029"  # as str.splitlines


class Coding(NamedTuple):
    """What a character's code is, and what that code stands for.

    Attributes:
        codes: uint8[0x110000], of every code point.
        classes: uint32[256], bits of every code.
    """

    codes: np.ndarray
    classes: np.ndarray


@cache
def coding() -> Coding:
    """The codes of all characters, built once a process."""
    table = class_table()
    codes, classes = np.full(len(table), NO_CHARACTER, np.uint8), np.zeros(256, np.uint32)
    for code, point in enumerate([*range(0x80), *map(ord, _NAMED)]):
        codes[point], classes[code] = code, table[point]
    spaces, others = FIRST_SPACE, LAST_BULLET + 1
    rows = np.unique(table)
    for row in rows:
        unnamed = (table == row) & (codes == NO_CHARACTER)
        if not unnamed.any():
            continue
        code = spaces if row & SPACE else others
        codes[unnamed], classes[code] = code, row
        spaces, others = (spaces + 1, others) if row & SPACE else (spaces, others + 1)
    if others > FIRST_SPACE or spaces > NO_CHARACTER:
        raise RuntimeError(
            f"{len(rows)} kinds of characters do not fit the codes: this Python's Unicode is a newer one"
        )
    return Coding(np.append(codes, np.full(0x110000 - len(codes), codes[-1], np.uint8)), classes)


def coded(text: str) -> np.ndarray:
    """uint8: the codes of characters that have one of their own, ASCII's and those kernels ask for by name."""
    return np.array([ord(c) if c < "\x80" else 0x80 + _NAMED.index(c) for c in text], np.uint8)


def class_table() -> np.ndarray:
    """Bits of every code point to the first of those that all have the same: uint32[0x34001]."""
    table = np.zeros(_LAST_WITH_CLASSES + 1, np.uint32)
    for first in range(0, _LAST_WITH_CLASSES, _AT_ONCE):
        table[first : first + _AT_ONCE] = _properties(list(map(chr, range(first, first + _AT_ONCE))))
    for ranges, bit in (
        (TERMINAL_RANGES, TERMINAL | SYMBOL),
        (SYMBOL_RANGES, SYMBOL),
        (UNSPACED_RANGES, UNSPACED),
    ):
        for first, last in parse_ranges(ranges):
            table[first : last + 1] |= bit
    for characters, bit in _edge_characters():
        table[[ord(c) for c in characters]] |= bit
    table[(table & (DIGIT | LOWER | QUOTE)) != 0] |= BEFORE_STOP
    table[0xA1:0x10000] |= HOST_PART
    table[0x80:] |= WIDE
    for bit, lacking in ((SYMBOL, LACKS_SYMBOL), (PUNCTUATION, LACKS_PUNCTUATION), (SPACE, LACKS_SPACE)):
        table[table & bit == 0] |= lacking
    return table


def _properties(characters: list[str]) -> np.ndarray:
    """What Python's own Unicode tables say of each: uint32."""
    category = np.frombuffer("".join(map(unicodedata.category, characters)).encode(), "S2")
    major = category.astype("S1")
    alpha = major == b"L"
    uncased = alpha & ~np.isin(category, [b"Lu", b"Lt", b"Ll"])
    held = {
        MARK: major == b"M",
        PUNCTUATION: major == b"P",
        ALPHA: alpha,
        LOWER: uncased | (category == b"Ll"),
        UPPER: uncased | (category == b"Lu") | (category == b"Lt"),
        DIGIT: category == b"Nd",
        ICON | PREFIX | SUFFIX: category == b"So",
        CURRENCY | PREFIX: category == b"Sc",
    }
    asked = {SPACE: str.isspace, CAPITAL: str.isupper, NUMERAL: str.isdigit, ALNUM: str.isalnum}
    held |= {bit: np.fromiter(map(holds, characters), bool, len(characters)) for bit, holds in asked.items()}
    found = np.zeros(len(characters), np.uint32)
    for bit, holds in held.items():
        found[holds] |= bit
    return found


def _edge_characters() -> tuple[tuple[str, int], ...]:
    return (
        (STOPS_AND_BRACKETS, PREFIX | SUFFIX | BEFORE_STOP),
        (QUOTES, PREFIX | SUFFIX | QUOTE),
        ("§%=—–", PREFIX),
        ("—–", SUFFIX),
        ("%²-+", BEFORE_STOP),
        (HYPHENS, HYPHEN),
        (_LINE_ENDS, LINE_END | COUNTED),
        ("#.…", COUNTED),
        (_ASCII_ALNUM + "\n?!,.", PLAIN_ENGLISH),
        (BLANKS, BLANK),
        (BRACKETS, BRACKET),
        (_ASCII_ALNUM + "!$%&'()*+,-./:;<=>?@[\\]^_", URL_PART),
        (_ASCII_ALNUM + "-_", HOST_PART),
    )


def parse_ranges(ranges: str) -> list[tuple[int, int]]:
    """First and last code point of each hexadecimal range."""
    pairs = [item.split("-") for item in ranges.split()]
    return [(int(pair[0], 16), int(pair[-1], 16)) for pair in pairs]
