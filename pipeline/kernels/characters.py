"""UTF-8 decoded once: the code of each character, and where it lies in the buffer."""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.kernels.compiled import called, inlined
from pipeline.kernels.hashing import low_bytes
from pipeline.kernels.machine import load64, ones, trailing_zeros, within64

BLOCK = 64
"""Characters that are looked at together; the memory of codes goes on for as many, so that every block is whole."""
AT_ONCE = 8  # codes in a number
_LEAD, _LEAD_OF_3, _LEAD_OF_4 = np.uint8(0xC0), np.uint8(0xE0), np.uint8(0xF0)  # first bytes of characters beyond ASCII
_SHIFT = 6  # of a character to its block
_BYTE = np.uint64(0xFF)
_NEWLINE, _ONE, _ALL = 0x0A, np.uint64(1), np.uint64(0xFFFFFFFFFFFFFFFF)


class Characters(NamedTuple):
    """The characters of a batch. Document d is `codes[doc_offsets[d]:doc_offsets[d + 1]]`.

    Attributes:
        codes: uint8[characters], by `pipeline.kernels.classes`; of ASCII characters the characters themselves.
            The memory goes on for BLOCK bytes.
        classes: uint32[256], the bits of each code: the same table in every batch.
        byte_index: int32, in which `byte_at` looks up where a character begins in the UTF-8 buffer. Its first part has
            for every BLOCK of characters a place in the second; that has by how much bytes are ahead of characters, at
            the beginning and after each character of more than one byte.
        doc_offsets: int64[documents + 1], characters.
        newlines: int64[newlines], the characters that are one.
    """

    codes: np.ndarray
    classes: np.ndarray
    byte_index: np.ndarray
    doc_offsets: np.ndarray
    newlines: np.ndarray


@called
def decode_document(data, i, end, table, codes, n, newlines, found):
    """Write the characters of the bytes `i..end`, and where newlines are, after those of other documents; how many of
    both there are then. `table`: uint8, the code of every code point. Up to a block is written beyond the last."""
    address = np.intp(data.ctypes.data)
    while i < end:
        if i + BLOCK <= len(data):
            run = min(np.int64(trailing_zeros(beyond_ascii64(address + i))), end - i)
            copy(data[i : i + BLOCK], codes[n : n + BLOCK])
            flags = within64(address + i, np.uint8(_NEWLINE), np.uint8(1)) & lowest(run)
            while flags:
                newlines[found] = n + np.int64(trailing_zeros(flags))
                flags &= flags - _ONE
                found += 1
            i += run
            n += run
        while i < end and (data[i] >= 0x80 or i + BLOCK > len(data)):
            point, size = point_at(data, i)
            codes[n] = table[point]
            if point == _NEWLINE:
                newlines[found] = n
                found += 1
            i += size
            n += 1
    return n, found


@inlined
def index_size(characters, wide):
    """How long an index is at most, and where its first number is that is no place."""
    first = (characters >> _SHIFT) + 1
    return first + 1 + wide, first


@called
def index_bytes(data, start, end, codes, low, high, byte_index, last):
    """Write what `byte_at` needs for the characters `low..high`, a document of the bytes `start..end`, after those of
    others. `last`: the place of the last number; what it is then."""
    address, before = np.intp(codes.ctypes.data), last
    for block in range(low >> _SHIFT, (high >> _SHIFT) + 1):
        first = block << _SHIFT
        wide = beyond_ascii64(address + first) & lowest(high - first)
        if first < low:
            wide &= ~lowest(low - first)
        else:
            byte_index[block] = before
        before += np.int64(ones(wide))
    return before if before == last else _index_leads(data, start, end, byte_index, last)


@called
def _index_leads(data, start, end, byte_index, last):
    """Write a number for each character of more than one byte; the place of the last."""
    address, further = np.intp(data.ctypes.data), byte_index[last]
    for i in range(start, end, BLOCK):
        if i + BLOCK > len(data):
            for byte in data[i:end]:
                if byte >= _LEAD:
                    last += 1
                    further += _more_bytes(byte)
                    byte_index[last] = further
            break
        live = lowest(end - i)
        leads = within64(address + i, _LEAD, np.uint8(0x40)) & live
        longer = within64(address + i, _LEAD_OF_3, np.uint8(0x20)) & live
        count = np.int64(ones(leads))
        if longer and (longer != leads or within64(address + i, _LEAD_OF_4, np.uint8(0x10)) & live):
            while leads:
                last += 1
                further += _more_bytes(data[i + np.int64(trailing_zeros(leads))])
                byte_index[last] = further
                leads &= leads - _ONE
            continue
        more = 2 if longer else 1  # all alike, as a script's are
        for k in range(1, count + 1):
            byte_index[last + k] = further + more * k
        last += count
        further += more * count
    return last


@inlined
def _more_bytes(lead):
    return 1 + (lead >= _LEAD_OF_3) + (lead >= _LEAD_OF_4)


@inlined
def byte_at(codes, byte_index, i):
    """Where character `i` of the batch begins in its UTF-8 buffer; of the one after the last, where that ends."""
    place = np.int64(i)
    first = place & ~(BLOCK - 1)
    wide = beyond_ascii64(np.intp(codes.ctypes.data) + first) & lowest(place - first)
    return place + byte_index[byte_index[first >> _SHIFT] + np.int64(ones(wide))]


@inlined
def classes_between(codes, classes, start, end):
    """The classes of the characters `start..end`, joined; eight at a time, without branches on how many are left, which
    no processor can foresee."""
    address, some = np.intp(codes.ctypes.data), np.uint32(0)
    while start < end:
        eight = load64(address + start) | ~low_bytes(min(end - start, AT_ONCE))  # NO_CHARACTER, which has no class
        for place in range(AT_ONCE):
            some |= classes[(eight >> np.uint64(8 * place)) & _BYTE]
        start += AT_ONCE
    return some


@inlined
def beyond_ascii64(address):
    """Which of the 64 bytes or codes from an address on are beyond ASCII."""
    return within64(address, np.uint8(0x80), np.uint8(0x80))


@inlined
def lowest(count):
    """A number with the lowest 0 to 64 bits set; all where the count is greater."""
    return _ALL if count >= BLOCK else (_ONE << np.uint64(count)) - _ONE


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
def copy(source, target):
    """Copy an array over another of the same length."""
    for i in range(len(source)):
        target[i] = source[i]


@inlined
def longest_run(doc_offsets):
    """The most rows of one document; at least 1."""
    longest = np.int64(1)
    for d in range(len(doc_offsets) - 1):
        longest = max(longest, doc_offsets[d + 1] - doc_offsets[d])
    return longest
