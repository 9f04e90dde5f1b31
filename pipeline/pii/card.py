"""Payment card numbers: issuer ranges, lengths and the Luhn check digit (ISO/IEC 7812-1)."""

from __future__ import annotations

import re

from pipeline.pii.kind import Candidate, Hit, Kind

PATTERN = (
    r"\b\d{12,19}\b"
    r"|\b\d{4}[ \-]\d{4}[ \-]\d{4}[ \-]\d{1,4}(?:[ \-]\d{1,3})?\b"
    r"|\b\d{4}[ \-]\d{6}[ \-]\d{4,5}\b"
)

Issuer = tuple[str, int, int, tuple[int, ...]]

ISSUERS: tuple[Issuer, ...] = (
    ("visa", 4, 4, (13, 16, 19)),
    ("mastercard", 51, 55, (16,)),
    ("mastercard", 2221, 2720, (16,)),
    ("amex", 34, 34, (15,)),
    ("amex", 37, 37, (15,)),
    ("discover", 6011, 6011, (16, 19)),
    ("discover", 644, 659, (16, 19)),
    ("diners", 300, 305, (14, 16, 19)),
    ("diners", 309, 309, (14, 16, 19)),
    ("diners", 36, 36, (14, 16, 19)),
    ("diners", 38, 39, (14, 16, 19)),
    ("jcb", 3528, 3589, (16, 17, 18, 19)),
    ("jcb", 2131, 2131, (15,)),
    ("jcb", 1800, 1800, (15,)),
    ("unionpay", 62, 62, (16, 17, 18, 19)),
    ("mir", 2200, 2204, (16, 17, 18, 19)),
    ("maestro", 50, 50, tuple(range(12, 20))),
    ("maestro", 56, 58, tuple(range(12, 20))),
    ("maestro", 60, 69, tuple(range(12, 20))),
)
"""Issuer, first and last prefix, lengths. Source: the issuers' published ranges, as listed under ISO/IEC
7812.
"""

MIN_DIGITS, SURE_LENGTH = 12, 16
"""The shortest cards there are, and the length that, with American Express's 15, stands alone; the others
need a word about cards nearby.
"""

CONTEXT = re.compile(
    r"card|credit|debit|visa|master|amex|american express|maestro|diners|discover|jcb|unionpay|"
    r"\bcc\b|\bpan\b|karte|carte|tarjeta|cart[aã]o|carta",
    re.I,
)
WINDOW = 60


def luhn(digits: str) -> bool:
    """True when the last digit is the Luhn check digit of the others. Source: ISO/IEC 7812-1, annex B."""
    odd = sum(map(int, digits[-1::-2]))
    even = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (odd + even) % 10 == 0


def issuer(digits: str) -> str | None:
    """Who issues numbers of this prefix and length; None where nobody does."""
    for name, first, last, lengths in ISSUERS:
        if len(digits) in lengths and first <= int(digits[: len(str(first))]) <= last:
            return name
    return None


def validate(candidate: Candidate) -> Hit | None:
    """A hit when issuer, length and check digit agree, of the candidate or of all but its last group.

    Rarer lengths need a word about cards nearby; where there is one, the issuer may be unknown to us:
    ranges are given out faster than lists are renewed.
    """
    hit = _judge(candidate)
    last_group = re.search(r"[ \-]\d+$", candidate.value)
    if hit or not last_group:
        return hit
    return _judge(candidate._replace(end=candidate.start + last_group.start()))  # a date or security code follows


def _judge(candidate: Candidate) -> Hit | None:
    digits = re.sub(r"[ \-]", "", candidate.value)
    if len(digits) < MIN_DIGITS or len(set(digits)) < 2 or _part_of_more(candidate) or not luhn(digits):
        return None
    name = issuer(digits)
    if CONTEXT.search(candidate.before(WINDOW)) or CONTEXT.search(candidate.after(WINDOW // 2)):
        return Hit(candidate.start, candidate.end, 0.99 if name else 0.8)
    alone = name is not None and name != "maestro" and len(digits) == SURE_LENGTH
    return Hit(candidate.start, candidate.end, 0.9) if alone or name == "amex" else None


def _part_of_more(candidate: Candidate) -> bool:
    """Digits inside a longer number, a decimal fraction, an identifier, a path or, when grouped, a row."""
    before, after = candidate.before(2), candidate.after(7)
    if re.search(r"[\w./=&\-]\Z", before) or re.match(r"[\w/=]|[.,\-]\d", after):
        return True
    return " " in candidate.value and bool(re.search(r"\d \Z", before) or re.match(r" \d{4} \d", after))


CARD = Kind("card", PATTERN, validate)
