"""What stands beside a number or a word that makes it personal data: a street, the rest of a date, "my name is"."""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from pipeline.kernels.compiled import called, inlined
from pipeline.kernels.trigger_tables import DIGIT, LOWER, UPPER

MAX_HOUSE = 12
"""Bytes of the longest house number: 12345A-1234B."""


def _letter_pairs(words: str) -> tuple[tuple[int, int], ...]:
    """The first two bytes of each word."""
    return tuple((ord(word[0]), ord(word[1])) for word in words.split())


_AFTER_HOUSE = _letter_pairs("bis ter rue avenue boulevard impasse allée chemin quai place")
_BEFORE_HOUSE = _letter_pairs("aa ae apartado box casilla co gate kapu pl po st te ut ve")
"""How words begin that stand between a house number and a street's name, and those that stand before the number."""


@inlined
def _pair(data, at, first, second):
    """True where two letters, of either case, stand at `at`."""
    return data[at] | 0x20 == first and data[at + 1] | 0x20 == second


@called
def is_before_street(data, at, end, runs):
    """True for a number before what a street's name can begin with: a capital, a letter beyond ASCII, another number,
    "bis", "ter" or a French word for a street."""
    last = min(end, at + MAX_HOUSE)
    while at < last and (runs[data[at]] & (DIGIT | UPPER | LOWER) or data[at] == 0x2D or data[at] == 0x2F):
        at += 1
    at += at < end and data[at] == 0x2C
    if at + 2 >= end or data[at] != 0x20:
        return False
    at += 1
    if data[at] >= 0x80 or runs[data[at]] & (DIGIT | UPPER):
        return True
    for first, second in _AFTER_HOUSE:  # noqa: SIM110  numba compiles no generators into a caller
        if _pair(data, at, first, second):
            return True
    return False


@called
def is_after_street(data, at, begin, runs):
    """True for a number after a word that a street's name can end with: one with a capital or a letter beyond ASCII, or
    one of the small words that mean a street or a box."""
    at -= 1
    if at <= begin:
        return False
    if data[at] == 0xB0 or data[at] == 0xBA or (data[at] == 0x2E and data[at - 1] | 0x20 == 0x6E):
        return True  # n° n.
    if data[at] != 0x20:
        return False
    stop = at
    while at > begin and data[at - 1] != 0x20 and data[at - 1] != 0x0A and stop - at < 48:
        at -= 1
        if runs[data[at]] & UPPER or data[at] >= 0x80:
            return True
    if stop - at < 2:
        return False
    for first, second in _BEFORE_HOUSE:
        if _pair(data, at, first, second):
            return True
    return data[at + 1] == 0x2E  # u. n.


@inlined
def is_within_date(data, at, begin, end, runs):
    """True at the second number of three with - . or / between, the first of one, two or four digits."""
    first = 0
    while at - 2 - first >= begin and first < 5 and runs[data[at - 2 - first]] & DIGIT:
        first += 1
    if first == 3 or first > 4:
        return False
    stop = at + 2 if at + 1 < end and runs[data[at + 1]] & DIGIT else at + 1
    return stop + 1 < end and 0x2D <= data[stop] <= 0x2F and runs[data[stop + 1]] & DIGIT != 0


@inlined
def introduces_name(data, at, begin, end):
    """True at a letter of a word before a person's name: name, holder, kin, contact, to:, "my name is" elsewhere."""
    if at < begin + 2 or at + 3 > end:
        return False
    byte, one, last = data[at] | 0x20, data[at + 1] | 0x20, data[at - 1] | 0x20
    if byte == 0x6D:  # naMe llaMo chiaMo
        return last == 0x61 and (one == 0x6F or (one == 0x65 and data[at - 2] | 0x20 == 0x6E))
    if byte == 0x68:  # Holder
        return one == 0x6F and data[at + 2] | 0x20 == 0x6C
    if byte == 0x6B:  # of Kin
        return one == 0x69 and data[at - 1] == 0x20 and data[at - 2] | 0x20 == 0x66
    if byte == 0x79:  # emergencY contact
        return data[at + 1] == 0x20 and last == 0x63
    if byte == 0x70:  # apPelle
        return last == 0x70 and one == 0x65 and data[at + 2] | 0x20 == 0x6C
    if data[at] == 0x9F:  # heiße
        return data[at - 1] == 0xC3 and data[at - 2] | 0x20 == 0x69
    after = at - 2 if data[at - 1] == 0x20 else at - 1  # ship to:
    return after > begin and _pair(data, after - 1, 0x74, 0x6F)
