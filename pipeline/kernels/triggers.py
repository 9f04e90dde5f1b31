"""Where personal data can be at all, in one pass: stretches of a text around what every candidate of a kind must hold.

Most bytes of a text are letters and spaces, and are passed over in a tight loop. A digit, a sign or a bracket is looked
at: what is around it decides which kinds could lie there. Each of the four sorts of run (digits with what may stand
between them, hexadecimal groups, groups with capitals, and unbroken strings) is measured once, however many digits it
has, so the work is linear in the text. The stretches are generous: the patterns behind them decide.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

import numpy as np

from pipeline.kernels.compiled import called, compiled, inlined
from pipeline.kernels.trigger_cues import introduces_name, is_after_street, is_before_street, is_within_date
from pipeline.kernels.trigger_tables import (
    ADDRESS,
    AFTER,
    BEFORE,
    BIRTHDATE,
    BLANK,
    BRACKET,
    CARD,
    DIGIT,
    EMAIL,
    FILL,
    GEO,
    GROUP,
    HEX,
    HEX_FILL,
    IBAN,
    IP,
    KINDS,
    LOWER,
    MAC,
    NATIONAL,
    NUMBER,
    PERSON,
    PHONE,
    SECRET,
    SIGN,
    SOLID,
    SSN,
    STRING,
    UPPER,
    UPPER_FILL,
    WORD,
)

JOIN = 1024
"""Bytes between two stretches that are not worth a search each: they become one."""

MIN_PHONE, MIN_SSN, MIN_CARD, MIN_NATIONAL = 7, 9, 12, 5
MIN_SECRET = 16
MAX_KEY = 4000
"""A private key is at most about 3,300 characters from its first line (RSA, 4096 bits); longer ones are cut there."""

HEX_OF_MAC = 12
_NUMERIC, _CAPITALS, _HEXADECIMAL, _UNBROKEN = range(4)
"""The sorts of run, as places in `known`: how far each has been measured."""


@inlined
def _add(stretches, counts, kind, start, end):
    """A stretch around data[start:end], joined with the kind's last one where they meet. Signs come in any order
    within a run, so the last one may begin later than this one."""
    n = counts[kind]
    first, last = start - BEFORE[kind], end + AFTER[kind]
    while n and first <= stretches[kind, n - 1, 1] + JOIN:
        first, last = min(first, stretches[kind, n - 1, 0]), max(last, stretches[kind, n - 1, 1])
        n -= 1
    stretches[kind, n, 0], stretches[kind, n, 1] = first, last
    counts[kind] = n + 1


@called
def _run(data, at, known, end, bit, runs):
    """The run of bytes of a class around `at`: its first byte, not before `known`, and the byte after its last."""
    start = at
    while start > known and runs[data[start - 1]] & bit:
        start -= 1
    while at < end and runs[data[at]] & bit:
        at += 1
    return start, at


@inlined
def _count(data, start, end, bit, runs):
    n = 0
    for at in range(start, end):
        if runs[data[at]] & bit:
            n += 1
    return n


@called
def _digits(data, at, end, known, stretches, counts, runs):
    """Kinds told by how many digits a run has."""
    if at >= known[_NUMERIC]:
        start, stop = _run(data, at, known[_NUMERIC], end, FILL, runs)
        known[_NUMERIC] = stop
        digits = group = second = third = 0  # the run's, and those of its last groups, the last first
        social = card = False
        for i in range(start, stop):
            if runs[data[i]] & DIGIT:
                group += 1
                digits += 1
                social |= group >= MIN_SSN or (group == 4 and second == 2 and third >= 3)
                card |= group >= MIN_CARD or (second >= 4 and third >= 4) or (group >= 4 and second == 6 and third >= 4)
            else:
                apart = not (data[i] == 0x2D or data[i] == 0x20)
                third, second, group = (0, 0, 0) if apart else (second, group, 0)
        if digits >= MIN_PHONE:
            _add(stretches, counts, PHONE, start, stop)
        if social:
            _add(stretches, counts, SSN, start, stop)
        if card:
            _add(stretches, counts, CARD, start, stop)
    if at >= known[_CAPITALS]:
        start, stop = _run(data, at, known[_CAPITALS], end, UPPER_FILL, runs)
        known[_CAPITALS] = stop
        if _count(data, start, stop, DIGIT, runs) >= MIN_NATIONAL:
            _add(stretches, counts, NATIONAL, start, stop)


@called
def _groups(data, at, end, known, stretches, counts, runs):
    """IP and hardware addresses: hexadecimal digits in groups."""
    start, stop = _run(data, at, known[_HEXADECIMAL], end, HEX_FILL, runs)
    known[_HEXADECIMAL] = stop
    digits = dots = colons = hyphens = hexes = 0
    for i in range(start, stop):
        byte = data[i]
        digits += runs[byte] & DIGIT != 0
        hexes += runs[byte] & HEX != 0
        dots += byte == 0x2E
        colons += byte == 0x3A
        hyphens += byte == 0x2D
    if (dots >= 3 and digits >= 4) or (colons >= 2 and hexes):
        _add(stretches, counts, IP, start, stop)
    if hexes >= HEX_OF_MAC and (colons >= 5 or hyphens >= 5 or dots >= 2):
        _add(stretches, counts, MAC, start, stop)


@called
def _solid(data, at, end, known, stretches, counts, runs):
    """Strings long and mixed enough for a key: with a digit, or a small letter after a capital."""
    start, stop = _run(data, at, known[_UNBROKEN], end, SOLID, runs)
    known[_UNBROKEN] = stop
    if stop - start < MIN_SECRET:
        return
    capital = False
    for i in range(start, stop):
        one = runs[data[i]]
        if one & DIGIT or (capital and one & LOWER):
            _add(stretches, counts, SECRET, start, stop)
            return
        capital = capital or one & UPPER != 0


@called
def _digit(data, at, begin, end, stretches, counts, runs):
    """Kinds told by a digit and the few bytes before and after it."""
    before = data[at - 1] if at > begin else np.uint8(0)
    if runs[before] & DIGIT:
        return
    if is_before_street(data, at, end, runs) or is_after_street(data, at, begin, runs):
        _add(stretches, counts, ADDRESS, at, at + 1)
    three = at + 3 < end and (runs[data[at + 1]] & runs[data[at + 2]] & runs[data[at + 3]] & DIGIT)
    whole = at + 4 >= end or not runs[data[at + 4]] & DIGIT
    century = (
        three and whole and ((data[at] == 0x31 and data[at + 1] == 0x39) or (data[at] == 0x32 and data[at + 1] == 0x30))
    )
    parted = at > begin + 1 and runs[data[at - 2]] & DIGIT and 0x2D <= before <= 0x2F  # - . /
    if century or (parted and is_within_date(data, at, begin, end, runs)):
        _add(stretches, counts, BIRTHDATE, at, at + 1)
    if three and parted and before == 0x2E:
        _add(stretches, counts, GEO, at, at + 1)
    capitals = at > begin + 1 and runs[before] & runs[data[at - 2]] & UPPER
    if capitals and at + 1 < end and runs[data[at + 1]] & DIGIT:
        _add(stretches, counts, IBAN, at, at + 1)


@called
def _sign(data, at, begin, end, stretches, counts, looks):
    """Kinds told by a sign: @, "dot" or a bracket of an e-mail address, a degree, the hyphens of a private key."""
    byte = data[at]
    if byte == 0x40:
        _add(stretches, counts, EMAIL, at, at + 1)
    elif looks[byte] & BRACKET:
        to = at + 2 if at + 1 < end and looks[data[at + 1]] & BLANK else at + 1
        if to < end and (data[to] == 0x2E or (to + 1 < end and data[to] | 0x20 in (0x61, 0x64))):
            two = data[to + 1] | 0x20 if to + 1 < end else 0
            if data[to] == 0x2E or two in (0x74, 0x6F):  # . at do
                _add(stretches, counts, EMAIL, at, at + 1)
    elif byte | 0x20 == 0x64 and at + 3 < end:
        if data[at + 1] | 0x20 == 0x6F and data[at + 2] | 0x20 == 0x74 and looks[data[at + 3]] & BLANK:
            _add(stretches, counts, EMAIL, at, at + 1)
    elif (byte == 0xB0 or byte == 0xBA) and at > begin and data[at - 1] == 0xC2:
        _add(stretches, counts, GEO, at, at + 1)
    elif byte == 0x2D and at + 4 < end and data[at + 1] == 0x2D and data[at + 2] == 0x2D and data[at + 3] == 0x2D:
        _add(stretches, counts, SECRET, at, at + MAX_KEY)


@inlined
def _boundary(data, at, end):
    """The position, within the text, or the first one after it that does not cut a character."""
    at = min(max(at, 0), end)
    while at < end and 0x80 <= data[at] < 0xC0:
        at += 1
    return at


@compiled
def find_stretches(data, classes, pairs):
    """Stretches of the text for each of `KINDS` that it can hold.

    Args:
        data: uint8[n], UTF-8.
        classes, pairs: `CLASSES` and `PAIRS` of `trigger_tables`.

    Returns:
        int64[stretches, 3]: a kind's number, the stretch's first byte and the one after its last. Kind by kind, in
        order and apart, cut between characters.
    """
    begin, end = 0, len(data)
    runs, looks = classes[0], classes[1]
    counts = np.zeros(len(KINDS), np.int64)
    stretches = np.empty((len(KINDS), end // JOIN + 3, 2), np.int64)
    known = np.zeros(4, np.int64)
    at = 0
    while at < end:
        byte = data[at]
        look = pairs[np.intp(byte) << 8 | np.intp(data[at + 1] if at + 1 < end else 0)]
        if not look:
            at += 1
            continue
        if look & WORD and introduces_name(data, at, begin, end):
            _add(stretches, counts, PERSON, at, at + 1)
        if look & NUMBER:
            _digits(data, at, end, known, stretches, counts, runs)
            _digit(data, at, begin, end, stretches, counts, runs)
        elif look & SIGN and (byte | 0x20 != 0x64 or (at > begin and looks[data[at - 1]] & BLANK)):
            _sign(data, at, begin, end, stretches, counts, looks)
        if look & GROUP and at >= known[_HEXADECIMAL]:
            _groups(data, at, end, known, stretches, counts, runs)
        if look & STRING and at >= known[_UNBROKEN]:
            _solid(data, at, end, known, stretches, counts, runs)
        at += 1
    rows = np.empty((counts.sum(), 3), np.int64)
    n = 0
    for kind in range(len(KINDS)):
        for i in range(counts[kind]):
            rows[n, 0] = kind
            rows[n, 1] = _boundary(data, stretches[kind, i, 0], end)
            rows[n, 2] = _boundary(data, stretches[kind, i, 1], end)
            n += 1
    return rows
