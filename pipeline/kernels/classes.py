"""What each Unicode code point is to the text kernels: one row of bits, built once a process.

The sets follow Unicode's own properties where they exist (general category, `str.isalpha`, `str.isspace`,
`str.splitlines`) and otherwise the definition of the filter that asks.
"""

from __future__ import annotations

import string
import unicodedata
from functools import cache

import numpy as np

SPACE = 1 << 0
LINE_END = 1 << 1
ALPHA = 1 << 2
MARK = 1 << 3
DIGIT = 1 << 4
LOWER = 1 << 5
UPPER = 1 << 6
SYMBOL = 1 << 7
TERMINAL = 1 << 8
PUNCTUATION = 1 << 9
PREFIX = 1 << 10
SUFFIX = 1 << 11
QUOTE = 1 << 12
ICON = 1 << 13
CURRENCY = 1 << 14
UNSPACED = 1 << 15
BEFORE_STOP = 1 << 16
HYPHEN = 1 << 17
COUNTED = 1 << 18
CAPITAL = 1 << 19
NUMERAL = 1 << 20
ALNUM = 1 << 21
PLAIN_ENGLISH = 1 << 22
BLANK = 1 << 23
BRACKET = 1 << 24
URL_PART = 1 << 25

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


@cache
def class_table() -> np.ndarray:
    """Bits of every code point: uint32[0x110000]."""
    table = np.zeros(0x110000, np.uint32)
    for point in range(0x34000):  # beyond lie tags, variation selectors and private use: no class
        table[point] = _properties(chr(point))
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
    return table


def _properties(c: str) -> int:
    category = unicodedata.category(c)
    cased = category in ("Lu", "Lt", "Ll")
    alpha = category[0] == "L"
    return (
        SPACE * c.isspace()
        | ALPHA * alpha
        | MARK * (category[0] == "M")
        | DIGIT * (category == "Nd")
        | LOWER * (alpha and (category == "Ll" or not cased))
        | UPPER * (alpha and (category in ("Lu", "Lt") or not cased))
        | PUNCTUATION * (category[0] == "P")
        | (ICON | PREFIX | SUFFIX) * (category == "So")
        | (CURRENCY | PREFIX) * (category == "Sc")
        | CAPITAL * c.isupper()
        | NUMERAL * c.isdigit()
        | ALNUM * c.isalnum()
    )


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
    )


def parse_ranges(ranges: str) -> list[tuple[int, int]]:
    """First and last code point of each hexadecimal range."""
    pairs = [item.split("-") for item in ranges.split()]
    return [(int(pair[0], 16), int(pair[-1], 16)) for pair in pairs]
