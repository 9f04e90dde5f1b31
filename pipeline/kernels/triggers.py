"""Where personal data can be at all, in one pass: stretches of a text around what every candidate of a kind must hold.

Most bytes of a text are letters and spaces, and are passed over in a tight loop. A digit, a sign or a bracket is looked
at: what is around it decides which kinds could lie there. Each of the four sorts of run (digits with what may stand
between them, hexadecimal groups, groups with capitals, and unbroken strings) is measured once, however many digits it
has, so the work is linear in the text. The stretches are generous: the patterns behind them decide.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

import string

import numpy as np

from pipeline.kernels.compiled import called, compiled, inlined

KINDS = (
    "email", "secret", "iban", "card", "ip", "mac", "ssn", "national_id", "geo", "birthdate", "phone",
    "person", "address",
)  # fmt: skip
"""Kinds by the numbers that `find_stretches` gives them."""

EMAIL, SECRET, IBAN, CARD, IP, MAC, SSN, NATIONAL, GEO, BIRTHDATE, PHONE, PERSON, ADDRESS = range(len(KINDS))
JOIN = 1024
"""Bytes between two stretches that are not worth a search each: they become one."""

DIGIT, FILL, HEX, HEX_FILL, UPPER, UPPER_FILL, SOLID, LOWER = (np.uint8(1 << bit) for bit in range(8))
NUMBER, SIGN, GROUP, STRING, WORD, BRACKET, BLANK = (np.uint8(1 << bit) for bit in range(7))
LOOK = NUMBER | SIGN | GROUP | STRING | WORD

MIN_PHONE, MIN_SSN, MIN_CARD, MIN_NATIONAL = 7, 9, 12, 5
MIN_SECRET = 16
MAX_KEY = 4000
"""A private key is at most about 3,300 characters from its first line (RSA, 4096 bits); longer ones are cut there."""

HEX_OF_MAC = 12
MAX_HOUSE = 12
"""Bytes of the longest house number: 12345A-1234B."""


def _classes() -> np.ndarray:
    """uint8[2, 256]: what each byte is in a run, and whether it is looked at."""
    sets = (
        (DIGIT, string.digits), (FILL, string.digits + " .-/()+"), (HEX, string.hexdigits),
        (HEX_FILL, string.hexdigits + ":.-"), (UPPER, string.ascii_uppercase),
        (UPPER_FILL, string.ascii_uppercase + string.digits + " .-+"),
        (SOLID, string.ascii_letters + string.digits + "+/_-!@#$%^&*.~:"), (LOWER, string.ascii_lowercase),
    )  # fmt: skip
    table = np.zeros((2, 256), np.uint8)
    for bit, members in sets:
        table[0, np.frombuffer(members.encode(), np.uint8)] |= bit
    table[0, [0xC2, 0xA0, 0xE2, 0x80, 0x90, 0x91, 0x92, 0x93]] |= FILL  # no-break space and the hyphens and dashes
    looks = (
        (NUMBER, string.digits), (SIGN, "@[({<dD-"), (GROUP, string.digits + ":.-"), (STRING, string.digits + "-_"),
        (WORD, ":=mMhHkKyYpP"), (BRACKET, "[({<"), (BLANK, " \t\n\f\r"),
    )  # fmt: skip
    for bit, members in looks:
        table[1, np.frombuffer(members.encode(), np.uint8)] |= bit
    table[1, [0xB0, 0xBA]] |= SIGN  # second bytes of the degree sign and of the ordinal that is taken for it
    table[1, 0x9F] |= WORD  # and of the sharp s
    return table


CLASSES = _classes()

NEXT = {
    "d": "oO", "m": "eEoO", "h": "oO", "k": "iI", "y": " ", "p": "eE", ".": string.hexdigits,
    ":": string.hexdigits + ":",
}  # fmt: skip
"""What must follow a byte for it to be looked at: a letter alone is too common."""


def _pairs() -> np.ndarray:
    """uint8[65536]: why a byte is looked at, by it (times 256) and the next one."""
    pairs = np.repeat(CLASSES[1] & LOOK, 256).reshape(256, 256)
    for first, seconds in NEXT.items():
        others = np.ones(256, np.bool_)
        others[np.frombuffer(seconds.encode(), np.uint8)] = False
        for byte in {ord(first), ord(first.upper())}:
            pairs[byte, others] &= WORD if first == ":" else np.uint8(0)  # ship to:
    return pairs.ravel()


PAIRS = _pairs()


def _reaches() -> tuple[np.ndarray, np.ndarray]:
    """Bytes before and after a sign within which its kind's pattern lies."""
    reaches = {
        "email": (1200, 1200), "secret": (128, 128), "iban": (32, 96), "card": (32, 32), "ip": (32, 32),
        "mac": (32, 32), "ssn": (176, 32), "national_id": (192, 32), "geo": (192, 64), "birthdate": (160, 64),
        "phone": (192, 48), "person": (64, 224), "address": (224, 224),
    }  # fmt: skip
    before, after = zip(*(reaches[kind] for kind in KINDS), strict=True)
    return np.array(before, np.int64), np.array(after, np.int64)


BEFORE, AFTER = _reaches()


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
    """Kinds told by how many digits a run has. `known`: how far each sort of run has been measured."""
    if at >= known[0]:
        start, stop = _run(data, at, known[0], end, FILL, runs)
        known[0] = stop
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
    if at >= known[1]:
        start, stop = _run(data, at, known[1], end, UPPER_FILL, runs)
        known[1] = stop
        if _count(data, start, stop, DIGIT, runs) >= MIN_NATIONAL:
            _add(stretches, counts, NATIONAL, start, stop)


@called
def _groups(data, at, end, known, stretches, counts, runs):
    """IP and hardware addresses: hexadecimal digits in groups."""
    start, stop = _run(data, at, known[2], end, HEX_FILL, runs)
    known[2] = stop
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
    start, stop = _run(data, at, known[3], end, SOLID, runs)
    known[3] = stop
    if stop - start < MIN_SECRET:
        return
    capital = False
    for i in range(start, stop):
        one = runs[data[i]]
        if one & DIGIT or (capital and one & LOWER):
            _add(stretches, counts, SECRET, start, stop)
            return
        capital = capital or one & UPPER != 0


@inlined
def _pair(data, at, first, second):
    """True where two letters, of either case, stand at `at`."""
    return data[at] | 0x20 == first and data[at + 1] | 0x20 == second


@called
def _house_before(data, at, end, runs):
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
    for first, second in ((98, 105), (116, 101), (114, 117), (97, 118), (98, 111), (105, 109), (97, 108), (99, 104),
                          (113, 117), (112, 108)):  # fmt: skip  # bi te ru av bo im al ch qu pl
        if _pair(data, at, first, second):
            return True
    return False


@called
def _name_before(data, at, begin, runs):
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
    for first, second in ((97, 97), (97, 101), (97, 112), (98, 111), (99, 97), (99, 111), (103, 97), (107, 97),
                          (112, 108),
                          (112, 111), (115, 116), (116, 101), (117, 116), (118, 101)):  # fmt: skip
        if _pair(data, at, first, second):  # aa ae ap(artado) bo(x) ca(silla) ga(te) ka(pu)...
            return True
    return data[at + 1] == 0x2E  # u. n.


@inlined
def _is_date(data, at, begin, end, runs):
    """True at the second number of three with - . or / between, the first of one, two or four digits."""
    first = 0
    while at - 2 - first >= begin and first < 5 and runs[data[at - 2 - first]] & DIGIT:
        first += 1
    if first == 3 or first > 4:
        return False
    stop = at + 2 if at + 1 < end and runs[data[at + 1]] & DIGIT else at + 1
    return stop + 1 < end and 0x2D <= data[stop] <= 0x2F and runs[data[stop + 1]] & DIGIT != 0


@called
def _digit(data, at, begin, end, stretches, counts, runs):
    """Kinds told by a digit and the few bytes before and after it."""
    before = data[at - 1] if at > begin else np.uint8(0)
    if runs[before] & DIGIT:
        return
    if _house_before(data, at, end, runs) or _name_before(data, at, begin, runs):
        _add(stretches, counts, ADDRESS, at, at + 1)
    three = at + 3 < end and (runs[data[at + 1]] & runs[data[at + 2]] & runs[data[at + 3]] & DIGIT)
    whole = at + 4 >= end or not runs[data[at + 4]] & DIGIT
    century = (
        three and whole and ((data[at] == 0x31 and data[at + 1] == 0x39) or (data[at] == 0x32 and data[at + 1] == 0x30))
    )
    parted = at > begin + 1 and runs[data[at - 2]] & DIGIT and 0x2D <= before <= 0x2F  # - . /
    if century or (parted and _is_date(data, at, begin, end, runs)):
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
def _is_word(data, at, begin, end):
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
        classes, pairs: `CLASSES` and `PAIRS`.

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
        if look & WORD and _is_word(data, at, begin, end):
            _add(stretches, counts, PERSON, at, at + 1)
        if look & NUMBER:
            _digits(data, at, end, known, stretches, counts, runs)
            _digit(data, at, begin, end, stretches, counts, runs)
        elif look & SIGN and (byte | 0x20 != 0x64 or (at > begin and looks[data[at - 1]] & BLANK)):
            _sign(data, at, begin, end, stretches, counts, looks)
        if look & GROUP and at >= known[2]:
            _groups(data, at, end, known, stretches, counts, runs)
        if look & STRING and at >= known[3]:
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
