"""Which bytes hint at personal data, of which kinds, and how far around them each kind is searched for."""

from __future__ import annotations

import string

import numpy as np

KINDS = (
    "email", "secret", "iban", "card", "ip", "mac", "ssn", "national_id", "geo", "birthdate", "phone",
    "person", "address",
)  # fmt: skip
"""Kinds by the numbers that `find_stretches` gives them."""

EMAIL, SECRET, IBAN, CARD, IP, MAC, SSN, NATIONAL, GEO, BIRTHDATE, PHONE, PERSON, ADDRESS = range(len(KINDS))

DIGIT, FILL, HEX, HEX_FILL, UPPER, UPPER_FILL, SOLID, LOWER = (np.uint8(1 << bit) for bit in range(8))
"""What runs a byte can be part of: bits of `CLASSES[0]`."""

NUMBER, SIGN, GROUP, STRING, WORD, BRACKET, BLANK = (np.uint8(1 << bit) for bit in range(7))
"""Why a byte is looked at: bits of `CLASSES[1]`."""

LOOK = NUMBER | SIGN | GROUP | STRING | WORD


def _classes() -> np.ndarray:
    """uint8[2, 256]: what runs each byte can be part of, and why it is looked at."""
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
"""For `find_stretches`; see `_classes`."""

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
"""For `find_stretches`; see `_pairs`."""


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
