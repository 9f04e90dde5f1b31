"""The text between two tags: copied with its white space run together, and counted."""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

import numpy as np

from pipeline.kernels.compiled import called, inlined
from pipeline.kernels.html_columns import (
    A_AT,
    BLOCKS,
    BOLD_BYTES,
    BOLDS,
    BYTES,
    COMMAS,
    DIGITS,
    FIRST,
    IN_WORD,
    LINK_BYTES,
    PRES,
    SIZE,
    STOPS,
    UPPERS,
    WORDS,
)
from pipeline.kernels.html_references import read_reference

_ORDINARY, _SPACE, _LT, _AMP, _DIGIT, _UPPER, _STOP, _COMMA, _HIGH = range(9)


def _classes() -> np.ndarray:
    table = np.zeros(256, np.uint8)
    table[:33] = _SPACE
    table[[ord(char) for char in "0123456789"]] = _DIGIT
    table[65:91] = _UPPER
    table[[ord(char) for char in ".!?"]] = _STOP
    table[[ord(char) for char in ",;:"]] = _COMMA
    table[ord("<")], table[ord("&")] = _LT, _AMP
    table[128:] = _HIGH
    return table


_CLASSES = _classes()


@called
def read_text(data, at, text, counts, state):
    """Copy text up to the next markup, white space run together, and count what it is made of."""
    size, block = state[SIZE], state[BLOCKS]
    row = counts[block]
    start, in_word = state[FIRST], state[IN_WORD]
    link, bold, pre = state[A_AT] >= 0, state[BOLDS] > 0, state[PRES] > 0
    first = at
    while at < len(data):
        byte = data[at]
        kind = _CLASSES[byte]
        if kind == _LT and at > first:
            break
        if kind == _SPACE or (byte == 0xC2 and at + 1 < len(data) and data[at + 1] == 0xA0):
            at += 1 if kind == _SPACE else 2
            in_word = 0
            if pre:
                text[size] = byte if byte == 10 or byte == 9 else 32
                size += byte != 13
            elif size > start and text[size - 1] > 32:
                text[size] = 32
                size += 1
            continue
        written = size
        if kind == _AMP:
            at, size = read_reference(data, at, text, size)
            if size == written and data[at - 1] == 38:
                text[size] = 38
                size += 1
            elif size == written:
                continue
            elif (size - written == 2 and text[written] == 0xC2 and text[written + 1] == 0xA0) or text[written] <= 32:
                size = written
                in_word = 0
                if size > start and (pre or text[size - 1] > 32):
                    text[size] = 32
                    size += 1
                continue
        elif kind == _HIGH and is_void(data, at):
            at += 2 if byte == 0xC2 else 3
            continue
        else:
            text[size] = byte
            size += 1
            at += 1
        if not in_word:
            row[WORDS] += 1
            in_word = 1
        added = size - written
        row[BYTES] += added
        row[LINK_BYTES] += added if link else 0
        row[BOLD_BYTES] += added if bold else 0
        if kind == _DIGIT:
            row[DIGITS] += 1
        elif kind == _UPPER:
            row[UPPERS] += 1
        elif kind == _STOP:
            row[STOPS] += 1
        elif kind == _COMMA:
            row[COMMAS] += 1
        elif kind == _HIGH and byte >= 0xD8:
            _count_marks(data, at - 1, row)
    state[SIZE], state[IN_WORD] = size, in_word
    return at


@inlined
def is_void(data, at):
    """A soft hyphen, a zero-width space or a byte order mark: characters without width."""
    if data[at] == 0xC2:
        return at + 1 < len(data) and data[at + 1] == 0xAD
    if at + 2 >= len(data):
        return False
    three = np.int64(data[at]) << 16 | np.int64(data[at + 1]) << 8 | np.int64(data[at + 2])
    return three == 0xE2808B or three == 0xEFBBBF


@inlined
def _count_marks(data, at, row):
    """Sentence ends and commas of other scripts: full-width, ideographic, Arabic, Devanagari."""
    if at + 1 < len(data) and data[at] == 0xD8:
        row[COMMAS] += data[at + 1] == 0x8C or data[at + 1] == 0x9B
        row[STOPS] += data[at + 1] == 0x9F
    if at + 2 < len(data):
        three = np.int64(data[at]) << 16 | np.int64(data[at + 1]) << 8 | np.int64(data[at + 2])
        row[STOPS] += three in (0xE38082, 0xEFBC81, 0xEFBC9F, 0xE0A5A4)
        row[COMMAS] += three in (0xE38081, 0xEFBC8C, 0xEFBC9B, 0xEFBC9A)
