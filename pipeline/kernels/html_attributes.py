"""The attributes of one start tag: the few that say what an element is for; all others are passed over.

Source: WHATWG HTML, before attribute name state and after, https://html.spec.whatwg.org/#before-attribute-name-state
"""

from __future__ import annotations

import numpy as np

from pipeline.kernels.compiled import called, inlined
from pipeline.kernels.html_columns import NO_ORDINAL
from pipeline.kernels.html_evidence import read_evidence

EVIDENCE, HIDDEN, HREF, CLASS, CLOSED, START_AT, VALUE_AT, COUNTS_DOWN, NUMBER = range(9)
"""What `read_attributes` finds: groups of its names (bits), bits of the three below, 1 with a link, a hash of the
class (0 without), 1 where the tag ends with "/>", where its attributes start and value have theirs (0 without), 1 for
reversed. NUMBER is NO_ORDINAL until `read_number` reads one of the two."""
FOUND = 9
NOT_DISPLAYED, HIDDEN_ATTRIBUTE, ARIA_HIDDEN = 1, 2, 4


def _pack(name: str) -> np.uint64:
    return np.uint64(int.from_bytes(name.encode()[:8], "little"))


_CLASS, _ID, _ROLE, _ITEMPROP, _STYLE, _HREF, _HIDDEN, _ARIA_HIDDEN = (
    _pack(name) for name in ("class", "id", "role", "itemprop", "style", "href", "hidden", "aria-hidden")
)
_START, _VALUE, _REVERSED = (_pack(name) for name in ("start", "value", "reversed"))
_ARIA = 11  # letters of aria-hidden: aria-haspopup begins alike
_SEED, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_NONE = np.frombuffer(b"none", np.uint8)
_HIDDEN_WORD = np.frombuffer(b"hidden", np.uint8)
_GT, _SLASH, _EQUALS, _DOUBLE, _SINGLE, _MINUS, _PLUS = (ord(char) for char in ">/=\"'-+")
_LARGEST = (1 << 31) - 1


@called
def read_attributes(data, at, found):  # type: ignore[no-untyped-def]
    """Read from behind the tag's name into `found` (int64[9], reset here); gives where the tag ends, behind its >."""
    found[:] = 0
    found[NUMBER] = NO_ORDINAL
    size = len(data)
    while at < size:
        byte = data[at]
        if byte <= 32:
            at += 1
        elif byte == _SLASH:
            found[CLOSED] = at + 1 < size and data[at + 1] == _GT
            at += 1
        elif byte == _GT:
            return at + 1
        else:
            name, letters, at = _read_name(data, at)
            start, end, at = _read_value(data, at)
            _note(data, name, letters, start, end, found)
    return size


@inlined
def _read_name(data, at):  # type: ignore[no-untyped-def]
    """Its first eight bytes in lower case, its length, and where it ends."""
    name, shift, start = np.uint64(0), np.uint64(0), at
    while at < len(data):
        byte = data[at]
        if byte <= 32 or byte in (_GT, _SLASH) or (byte == _EQUALS and at > start):
            break
        if shift < 64:
            lower = byte | 32 if 65 <= byte <= 90 else byte
            name |= np.uint64(lower) << shift
            shift += np.uint64(8)
        at += 1
    return name, at - start, at


@inlined
def _read_value(data, at):  # type: ignore[no-untyped-def]
    """Where its value starts and ends (both the same without one), and where to go on."""
    size = len(data)
    behind = at
    while behind < size and data[behind] <= 32:
        behind += 1
    if behind >= size or data[behind] != _EQUALS:
        return at, at, at
    at = behind + 1
    while at < size and data[at] <= 32:
        at += 1
    if at < size and (data[at] == _DOUBLE or data[at] == _SINGLE):
        quote, start = data[at], at + 1
        at = start
        while at < size and data[at] != quote:
            at += 1
        return start, at, min(at + 1, size)
    start = at
    while at < size and data[at] > 32 and data[at] != _GT:
        at += 1
    return start, at, at


@inlined
def _note(data, name, letters, start, end, found):  # type: ignore[no-untyped-def]
    if name == _CLASS:
        found[EVIDENCE] |= read_evidence(data, start, end)
        value = _SEED
        for at in range(start, end):
            value = (value ^ np.uint64(data[at])) * _PRIME
        found[CLASS] = np.int64(value)
    elif name in (_ID, _ROLE) or (name == _ITEMPROP and letters == 8):
        found[EVIDENCE] |= read_evidence(data, start, end)
    elif name == _HREF:
        found[HREF] = 1
    elif name == _HIDDEN and letters == 6:
        found[HIDDEN] |= HIDDEN_ATTRIBUTE
    elif name == _ARIA_HIDDEN and letters == _ARIA:
        found[HIDDEN] |= ARIA_HIDDEN * (end > start and data[start] == 116)
    elif name == _STYLE:
        found[HIDDEN] |= NOT_DISPLAYED * _hides(data, start, end)
    elif name == _VALUE:
        found[VALUE_AT] = found[VALUE_AT] or start * (end > start)
    elif name == _START:
        found[START_AT] = found[START_AT] or start * (end > start)
    elif name == _REVERSED and letters == 8:
        found[COUNTS_DOWN] = 1


@called
def read_number(data, at, found):  # type: ignore[no-untyped-def]
    """Read the integer that begins there, if one does, into `found[NUMBER]`.

    One of more than 32 bits is none, as in browsers.

    Source: WHATWG HTML, rules for parsing integers, https://html.spec.whatwg.org/#rules-for-parsing-integers
    """
    size = len(data)
    while at < size and (data[at] == 32 or data[at] == 9 or data[at] == 10 or data[at] == 12 or data[at] == 13):
        at += 1
    negative = at < size and data[at] == _MINUS
    if at < size and (data[at] == _MINUS or data[at] == _PLUS):
        at += 1
    first, value = at, np.int64(0)
    while at < size and 48 <= data[at] <= 57 and value <= _LARGEST:
        value = value * 10 + np.int64(data[at]) - 48
        at += 1
    if at > first and value <= _LARGEST:
        found[NUMBER] = -value if negative else value


@inlined
def _hides(data, start, end):  # type: ignore[no-untyped-def]
    """Whether a style says display: none or visibility: hidden."""
    for at in range(start, end):
        if data[at] == 58:  # the colon
            key = data[at - 1] | 32 if at > start else 0
            first = at + 1
            while first < end and data[first] <= 32:
                first += 1
            if key == 121 and (_is(data, first, end, _NONE) or _is(data, first, end, _HIDDEN_WORD)):
                return True  # the y of display and of visibility
    return False


@inlined
def _is(data, at, end, word):  # type: ignore[no-untyped-def]
    if at + len(word) > end or at < 0:
        return False
    for i in range(len(word)):  # noqa: SIM110 - no generators in kernels
        if data[at + i] | 32 != word[i]:
            return False
    return True
