"""Character references (`&amp;`, `&#8212;`) to the characters they stand for, in UTF-8.

Source: WHATWG HTML, named character references and numeric character reference end state,
    https://html.spec.whatwg.org/#character-reference-state
"""

from __future__ import annotations

from html.entities import html5

import numpy as np

from pipeline.kernels.compiled import called, inlined

_SLOTS = 8192
_LONGEST = max(map(len, html5))
_SEED, _PRIME = 0xCBF29CE484222325, 0x100000001B3
_VALUE_BYTES = 8
_WINDOWS = np.array([ord(bytes([byte]).decode("cp1252", "replace")) for byte in range(0x80, 0xA0)], np.uint32)
_WINDOWS[_WINDOWS == 0xFFFD] = np.arange(0x80, 0xA0)[_WINDOWS == 0xFFFD]


def _hash(name: str) -> int:
    value = _SEED
    for byte in name.encode():
        value = (value ^ byte) * _PRIME % (1 << 64)
    return value


def _table() -> tuple[np.ndarray, np.ndarray]:
    hashes, values = np.zeros(_SLOTS, np.uint64), np.zeros((_SLOTS, _VALUE_BYTES), np.uint8)
    for name, value in html5.items():
        slot = _hash(name) % _SLOTS
        while hashes[slot]:
            slot = (slot + 1) % _SLOTS
        hashes[slot] = _hash(name)
        encoded = value.encode()
        values[slot, : len(encoded)] = list(encoded)
    return hashes, values


_HASHES, _VALUES = _table()


@called
def read_reference(data, at, out, size):  # type: ignore[no-untyped-def]
    """Decode the reference that begins with the & at data[at], and write it to out[size:].

    Returns:
        Where the reference ends in data, and where the text ends in out: (at + 1, size) where none is.
    """
    if at + 1 < len(data) and data[at + 1] == 35:
        return _read_number(data, at, out, size)
    hashed, found, found_end = np.uint64(_SEED), np.int64(-1), at + 1
    stop = min(len(data), at + 1 + _LONGEST)
    for i in range(at + 1, stop):
        byte = data[i]
        if not (97 <= (byte | 32) <= 122 or 48 <= byte <= 57 or byte == 59):
            break
        hashed = (hashed ^ np.uint64(byte)) * np.uint64(_PRIME)
        slot = np.int64(hashed & np.uint64(_SLOTS - 1))
        while _HASHES[slot] != 0:
            if _HASHES[slot] == hashed:
                found, found_end = slot, i + 1
                break
            slot = (slot + 1) & (_SLOTS - 1)
        if byte == 59:
            break
    if found < 0:
        return at + 1, size
    for byte in _VALUES[found]:
        if byte:
            out[size] = byte
            size += 1
    return found_end, size


@inlined
def _read_number(data, at, out, size):  # type: ignore[no-untyped-def]
    i, number, base = at + 2, np.int64(0), 10
    if i < len(data) and (data[i] | 32) == 120:
        base, i = 16, i + 1
    first = i
    while i < len(data):
        byte = np.int64(data[i])
        if 48 <= byte <= 57:
            digit = byte - 48
        elif base == 16 and 97 <= (byte | 32) <= 102:
            digit = (byte | 32) - 87
        else:
            break
        number = min(number * base + digit, np.int64(0x110000))
        i += 1
    if i == first:
        return at + 1, size
    if i < len(data) and data[i] == 59:
        i += 1
    return i, _write_character(number, out, size)


@inlined
def _write_character(number, out, size):  # type: ignore[no-untyped-def]
    """UTF-8 of a code point; what is none becomes U+FFFD, controls and non-characters nothing."""
    if 0x80 <= number < 0xA0:
        number = np.int64(_WINDOWS[number - 0x80])
    if number == 0 or 0xD800 <= number <= 0xDFFF or number > 0x10FFFF:
        number = np.int64(0xFFFD)
    control = number < 32 and number not in (9, 10, 12, 13)
    if control or 0x7F <= number < 0xA0 or 0xFDD0 <= number <= 0xFDEF or (number & 0xFFFE) == 0xFFFE:
        return size
    if number < 0x80:
        out[size] = number
        return size + 1
    if number < 0x800:
        out[size] = 0xC0 | number >> 6
        out[size + 1] = 0x80 | number & 63
        return size + 2
    if number < 0x10000:
        out[size] = 0xE0 | number >> 12
        out[size + 1] = 0x80 | number >> 6 & 63
        out[size + 2] = 0x80 | number & 63
        return size + 3
    out[size] = 0xF0 | number >> 18
    out[size + 1] = 0x80 | number >> 12 & 63
    out[size + 2] = 0x80 | number >> 6 & 63
    out[size + 3] = 0x80 | number & 63
    return size + 4
