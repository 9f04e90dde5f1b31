"""UTF-8 decoded once: the code of each character, and where it lies in the buffer."""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.kernels.compiled import called, inlined
from pipeline.kernels.machine import load64, trailing_zeros

_NEWLINE = 0x0A
_NEWLINES, _SEVEN = np.uint64(0x0A0A0A0A0A0A0A0A), np.uint64(0x7F7F7F7F7F7F7F7F)


class Characters(NamedTuple):
    """The characters of a batch. Document d is `codes[doc_offsets[d]:doc_offsets[d + 1]]`.

    Attributes:
        codes: uint8[characters], by `pipeline.kernels.classes`; of ASCII characters the characters themselves.
        classes: uint32[256], the bits of each code: the same table in every batch.
        byte_starts: int32[characters + 1], where each begins in the UTF-8 buffer; the last is its end.
        doc_offsets: int64[documents + 1], characters.
        newlines: int64[newlines], the characters that are one.
    """

    codes: np.ndarray
    classes: np.ndarray
    byte_starts: np.ndarray
    doc_offsets: np.ndarray
    newlines: np.ndarray


@called
def decode_document(data, i, end, table, codes, byte_starts, n, newlines, found):
    """Write the characters of the bytes `i..end`, and where newlines are, after those of other documents; how many of
    both there are then. `table`: uint8, the code of every code point."""
    while i < end:
        run = _ascii_run(data[i:end])
        copy(data[i : i + run], codes[n : n + run])
        _count_up(i, byte_starts[n : n + run])
        found = _find_newlines(data[i : i + run], n, newlines, found)
        i += run
        n += run
        if i == end:
            break
        point, size = point_at(data, i)
        codes[n], byte_starts[n] = table[point], i
        i += size
        n += 1
    return n, found


@inlined
def point_at(data, i):
    """The code point of the character at byte `i`, and how many bytes it takes."""
    lead = np.int32(data[i])
    if lead < 0x80:
        return lead, 1
    if lead < 0xE0:
        return (lead & 0x1F) << 6 | np.int32(data[i + 1]) & 0x3F, 2
    if lead < 0xF0:
        return (lead & 0x0F) << 12 | (np.int32(data[i + 1]) & 0x3F) << 6 | np.int32(data[i + 2]) & 0x3F, 3
    high = (lead & 0x07) << 18 | (np.int32(data[i + 1]) & 0x3F) << 12
    return high | (np.int32(data[i + 2]) & 0x3F) << 6 | np.int32(data[i + 3]) & 0x3F, 4


@called
def _find_newlines(data, first, newlines, found):
    """Write where newlines are, counted from `first` on, after those found before; how many there are then."""
    address, block = np.intp(data.ctypes.data), np.int64(0)
    while block + 8 <= len(data):
        others = load64(address + block) ^ _NEWLINES
        flags = ~(((others & _SEVEN) + _SEVEN) | others | _SEVEN)  # the highest bit of every byte that is 0
        while flags:
            newlines[found] = first + block + np.int64(trailing_zeros(flags) >> np.uint64(3))
            flags &= flags - np.uint64(1)
            found += 1
        block += 8
    for i in range(block, len(data)):
        if data[i] == _NEWLINE:
            newlines[found] = first + i
            found += 1
    return found


@called
def _ascii_run(data):
    """How many bytes at the beginning are characters by themselves."""
    run = 0
    while run + 16 <= len(data):
        high = np.uint8(0)
        for byte in data[run : run + 16]:
            high |= byte
        if high & 0x80:
            break
        run += 16
    while run < len(data) and data[run] < 0x80:
        run += 1
    return run


@called
def copy(source, target):
    """Copy an array over another of the same length."""
    for i in range(len(source)):
        target[i] = source[i]


@called
def _count_up(start, numbers):
    for i in range(len(numbers)):
        numbers[i] = start + i


@inlined
def longest_run(doc_offsets):
    """The most rows of one document; at least 1."""
    longest = np.int64(1)
    for d in range(len(doc_offsets) - 1):
        longest = max(longest, doc_offsets[d + 1] - doc_offsets[d])
    return longest
